"""Work beside the pages: threads and processes that outlive a page and are looked at by all sessions."""
