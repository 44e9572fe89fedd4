"""The files of the page's template."""

import re
from importlib.resources import files

from plotly.offline import get_plotlyjs_version


def test_the_page_carries_the_plotly_js_for_which_the_installed_plotly_writes_figures() -> None:
    """After an upgrade of Plotly, replace the file by `dist/plotly-basic.min.js` of the plotly.js release named here."""
    script = files("bwp_client.reports").joinpath("template", "plotly-basic.min.js").read_text(encoding="utf-8")
    header = re.search(r"plotly\.js \(basic - minified\) v(\S+)", script)
    assert header is not None
    assert header[1] == get_plotlyjs_version()
