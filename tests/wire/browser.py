"""A headless Chromium, and what its page shows."""
import http.client
import json
import os
import subprocess

import harness
from websocket import WebSocket


class Browser:
    """Opens `url` with a profile of its own; gone after `test`. `local_state`: settings that are not
    of a user but of the whole browser."""

    def __init__(self, test, url, local_state=None, options=()):
        profile = os.path.join(test.server.dir, "chromium")
        os.makedirs(profile, exist_ok=True)
        if local_state is not None:
            with open(os.path.join(profile, "Local State"), "w", encoding="ascii") as out:
                json.dump(local_state, out)
        self.port = harness.free_port()
        self.process = harness.spawn(
            [test.need_program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--user-data-dir=" + profile, "--remote-debugging-port=%d" % self.port, *options, url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.terminate)
        devtools_url = harness.wait_for(self._page, "the browser's page", 60)
        self.devtools = WebSocket(("127.0.0.1", self.port), devtools_url[devtools_url.index("/devtools"):],
                                  subprotocol=None)
        test.addCleanup(self.devtools.close)

    def _page(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/json/list")
            pages = [p for p in json.loads(connection.getresponse().read()) if p["type"] == "page"]
            return pages[0]["webSocketDebuggerUrl"] if pages else None
        except OSError:
            return None
        finally:
            connection.close()

    def text(self):
        """What a person sees of the page."""
        self.devtools.send(json.dumps({"id": 1, "method": "Runtime.evaluate",
                                       "params": {"expression": "document.body.innerText"}}))
        return json.loads(self.devtools.receive()).get("result", {}).get("result", {}).get("value", "")
