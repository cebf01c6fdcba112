"""The words that Streamlit's own widgets bring, and the language of the document, in the reader's language."""

from __future__ import annotations

from pathlib import Path

from streamlit.components.v2 import component

from dashboard.text.i18n import _, language, speaking

_element = component(
    "tailscope.built_in",
    html="<span></span>",
    js=(Path(__file__).parent / "built_in.js").read_text(encoding="utf-8"),
)


def speak() -> None:
    """Say in what language the document is, and have Streamlit's words exchanged for those of that language."""
    spoken, theirs = language(), words()
    with speaking("en"):
        ours = words()
    known = {} if spoken == "en" else dict(zip(ours, theirs, strict=True))
    _element(key="built_in", data={"lang": spoken, "words": known})


def words() -> tuple[str, ...]:
    """Words that Streamlit's widgets show or read aloud, in the language in use; "{}" stands for whatever is there."""
    return (
        _("Skip to main content"),
        _("Sidebar"),
        _("Navigate to home page"),
        _("Logo"),
        _("Collapse sidebar"),
        _("Expand sidebar"),
        _("App pages"),
        _("Open"),
        _("Dismiss"),
        _("Close"),
        _("Delete"),
        _("Stop"),
        _("Running..."),
        _("Connecting"),
        _("Connection error"),
        _("Link to heading"),
        _("Fullscreen"),
        _("Close fullscreen"),
        _("Download plot as a PNG"),
        _("Download plot as a SVG"),
        _("No results"),
        _("Choose an option"),
        _("Choose options"),
        _("No options to select"),
        _("Clear value"),
        _("Clear all"),
        _("Select all"),
        _("Selected values"),
        _("Press Enter to apply"),
        _("progress"),
        _("cancel icon"),
        _("info icon"),
        _("Upload"),
        _("file upload"),
        _("Add files"),
        _("Drag and drop a file here"),
        _("Drag and drop files here"),
        _("Download as CSV"),
        _("Show/hide columns"),
        _("Search"),
        _("Type to search"),
        _("Dataframe column menu"),
        _("Sort ascending"),
        _("Sort descending"),
        _("Format"),
        _("Autosize"),
        _("Pin column"),
        _("Unpin column"),
        _("Hide column"),
        _("Statistics"),
        _("Copy column name"),
        _("Clear selection"),
        _("Copy to clipboard"),
        _("Copied"),
        _("Automatic"),
        _("Localized"),
        _("Plain"),
        _("Compact"),
        _("Dollar"),
        _("Euro"),
        _("Percent"),
        _("Scientific"),
        _("Accounting"),
        _("check circle icon"),
        _("1 option available."),
        _("Add: {}"),
        _("Remove {}"),
        _("{} per file"),
        _("{} options available."),
        _("Fullscreen: {}"),
        _("Download as CSV: {}"),
        _("Show/hide columns: {}"),
        _("Search: {}"),
    )
