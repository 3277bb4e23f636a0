"""The text of PDF files and of scanned pages, page by page."""
