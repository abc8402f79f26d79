#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What does a browser say of a page? Loads it in headless Chromium, over the
protocol of its developer tools, uses it like a reader with a mouse, and prints

    {"errors": [...], "requests": [...], "facts": {...}}

errors: of the console, of scripts and of the page's policy; requests: for anything
but the page itself. Nothing leaves this machine: no name resolves. Exit status: 0
no error and no request, 1 one of these, 2 the browser does not run.

    browser.py CHROMIUM PAGE [--dark] [--screenshot FILE] [--mouse SELECTOR]

--mouse   the mouse on the first of these when the picture is taken
"""
import argparse
import base64
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

LIMIT_S = 120

# What the page has, and what it does: each is a question with one answer.
FACTS = """(() => {
  const n = selector => document.querySelectorAll(selector).length;
  const mouse = (type, element) => {
    const box = element.getBoundingClientRect();
    element.dispatchEvent(new MouseEvent(type, {bubbles: true, clientX: box.left + 1, clientY: box.top + 1}));
  };
  const facts = {waits: n("svg.time .wait"), open: n("svg.time .wait.open"), cells: n("svg.time .cell"),
    lost: n("svg.time .lost"), graphs: n("svg.flame"), frames: n("svg.flame .f"), tables: n("table"),
    scripts: n("script"), images: n("img"), bold: n("td b, pre b, text b, summary b"),
    title: document.title, heading: (document.querySelector("h1") || {}).textContent,
    back: getComputedStyle(document.body).backgroundColor};
  const wait = document.querySelector("svg.time .wait"), tip = document.getElementById("tip");
  if (wait && tip) {
    mouse("mousemove", wait.querySelector("rect"));
    facts.tip = tip.hidden ? "" : tip.textContent;
    facts.dimmed = n("svg.time .wait.off");
    mouse("mouseleave", document.getElementById("pictures"));
    facts.tip_gone = tip.hidden && n("svg.time .wait.off") === 0;
  }
  const frame = document.querySelectorAll("svg.flame .f")[1];
  if (frame) {
    const reset = frame.closest("svg").querySelector(".reset");
    mouse("mouseover", frame);
    facts.details = frame.closest("svg").querySelector(".details").textContent;
    mouse("click", frame);
    facts.zoomed = reset.style.visibility === "visible";
    mouse("click", reset);
    facts.reset = reset.style.visibility === "hidden";
  }
  return facts;
})()"""


class Browser:
    """Chromium at the other end of two pipes; messages end with a zero byte."""

    def __init__(self, program, profile):
        (theirs_in, self.out), (self.inp, theirs_out) = (self.pipe(), self.pipe())
        flags = ["--remote-debugging-pipe", "--disable-gpu", f"--user-data-dir={profile}",
                 "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1280,900", "--no-first-run",
                 "--disable-background-networking", "--disable-dev-shm-usage"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")

        def connect():
            os.dup2(theirs_in, 3)
            os.dup2(theirs_out, 4)

        # pylint: disable=subprocess-popen-preexec-fn
        self.process = subprocess.Popen([program, *flags], preexec_fn=connect, pass_fds=(3, 4), start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.number, self.buffer, self.events = 0, b"", []
        self.end = time.monotonic() + LIMIT_S

    @staticmethod
    def pipe():
        """Both ends out of the way of 3 and 4."""
        ends = os.pipe()
        high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
        for end in ends:
            os.close(end)
        return high

    def message(self):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.inp], [], [], max(0, self.end - time.monotonic()))
            data = os.read(self.inp, 1 << 20) if ready else b""
            if not data:
                raise OSError("the browser does not answer" if not ready else "the browser is gone")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        os.write(self.out, json.dumps(request).encode() + b"\0")
        while (answer := self.message()).get("id") != self.number:
            self.events.append(answer)
        if "error" in answer:
            raise OSError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message())


def found(events, page):
    """What the events have against the page."""
    errors, requests = [], []
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled":
            errors.append(" ".join(str(a.get("value")) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent" and params["request"]["url"] != page:
            requests.append(params["request"]["url"])
        elif method in ("Network.webSocketCreated", "Page.javascriptDialogOpening", "Target.targetCreated"):
            requests.append(params.get("url") or params.get("message") or params["targetInfo"]["url"])
    return errors, requests


def take_picture(browser, session, options):
    if options.mouse:
        where = browser.call("Runtime.evaluate", session, returnByValue=True, expression=f"""(() => {{
            const element = document.querySelector({json.dumps(options.mouse)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2]; }})()""")["result"]["value"]
        browser.call("Input.dispatchMouseEvent", session, type="mouseMoved", x=where[0], y=where[1])
    picture = browser.call("Page.captureScreenshot", session, captureBeyondViewport=not options.mouse)
    with open(options.screenshot, "wb") as file:
        file.write(base64.b64decode(picture["data"]))


def look(browser, options):
    page = "file://" + os.path.abspath(options.page)
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.call(domain + ".enable", session)
    browser.call("Emulation.setEmulatedMedia", session, features=[
        {"name": "prefers-color-scheme", "value": "dark" if options.dark else "light"}])
    browser.events.clear()
    browser.call("Page.navigate", session, url=page)
    browser.wait_for("Page.loadEventFired")
    facts = browser.call("Runtime.evaluate", session, expression=FACTS, returnByValue=True)
    # two frames later all that the page has begun has been told
    browser.call("Runtime.evaluate", session, awaitPromise=True, expression="new Promise(done => "
                 "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))))")
    if options.screenshot:
        take_picture(browser, session, options)
    errors, requests = found(browser.events, page)
    if "exceptionDetails" in facts:
        errors.append(facts["exceptionDetails"]["exception"]["description"])
    return {"errors": errors, "requests": requests, "facts": facts["result"].get("value")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("chromium")
    parser.add_argument("page")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--screenshot")
    parser.add_argument("--mouse")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(options.chromium, profile)
        try:
            result = look(browser, options)
        except OSError as error:
            print(f"browser: {error}", file=sys.stderr)
            return 2
        finally:
            os.killpg(browser.process.pid, signal.SIGKILL)
            browser.process.wait()
    print(json.dumps(result))
    return 1 if result["errors"] or result["requests"] else 0


sys.exit(main())
