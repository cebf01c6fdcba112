"""What pages are made of; a folder a page, beside what several pages share."""
