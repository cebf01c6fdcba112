"""All words of pages, reports and the command line: figures turned into sentences, in two languages."""
