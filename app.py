"""The app that `streamlit run app.py` starts: start-up and readiness; it draws nothing.

The main script lies elsewhere: with `pages/` beside it, a fresh server would run a page file alone, without the router.
"""

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from bwp_client.ui.browser_files import BrowserFiles
from bwp_client.ui.login_cookies import StaleLoginCookies
from bwp_client.ui.login_gate import LoginGate
from bwp_client.ui.login_redirect import LoginRedirect
from bwp_client.ui.loopback import LoopbackOnly
from bwp_client.ui.startup import lifespan, readyz
from bwp_client.ui.text_of_strangers import TextOfStrangers

app = st.App(
    "bwp_client/ui/main.py",
    lifespan=lifespan,
    routes=[Route("/readyz", readyz)],
    middleware=[
        Middleware(LoopbackOnly),
        Middleware(TextOfStrangers),
        Middleware(LoginGate),
        Middleware(LoginRedirect),
        Middleware(StaleLoginCookies),
        Middleware(BrowserFiles),
    ],
)
