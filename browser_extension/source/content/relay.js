/**
 * Copies text between a page and the extension's background, and understands none of it.
 *
 * The page sends its own window the string "pero:connect:1" with one MessagePort. From then on the port carries strings
 * only: nothing that the page could have put a getter or a prototype under. Strings from here that are not JSON-RPC say
 * {"pero": "ready", "version"}, {"pero": "taken"} after each message (also after "pero:ping", which goes no further),
 * {"pero": "lost"} where the background ended and requests in flight with it, {"pero": "gone"} where this script is no
 * longer part of a running extension.
 */
"use strict";

{
  const CONNECT = "pero:connect:1";
  const PING = "pero:ping";
  const MOST_CONNECTIONS = 16; // for one document
  let connections = 0;

  /** @param {MessageEvent} event */
  const greet = (event) => {
    const [port] = event.ports;
    if (event.source !== window || event.data !== CONNECT || !port || connections >= MOST_CONNECTIONS) return;
    if (!chrome.runtime?.id) return window.removeEventListener("message", greet);
    connections += 1;
    serve(port);
  };
  window.addEventListener("message", greet);

  /** @param {MessagePort} page */
  function serve(page) {
    /** @type {chrome.runtime.Port | null} */
    let background = null;

    /** @param {"ready" | "taken" | "lost" | "gone"} what */
    const say = (what) => page.postMessage(JSON.stringify({ pero: what }));

    function connect() {
      const port = chrome.runtime.connect();
      port.onMessage.addListener((text) => page.postMessage(String(text)));
      port.onDisconnect.addListener(() => {
        void chrome.runtime?.lastError; // read, or the browser reports it as unread
        if (background === port) background = null;
        say("lost");
      });
      return port;
    }

    /** @param {string} text */
    function forward(text) {
      try {
        background ??= connect();
        background.postMessage(text);
        say("taken");
      } catch {
        background = null;
        say(chrome.runtime?.id ? "lost" : "gone");
      }
    }

    page.addEventListener("message", (event) => {
      if (event.data === PING) say("taken");
      else if (typeof event.data === "string") forward(event.data);
    });
    // A page that is left may be kept and shown again: what it asked for ends all the same.
    window.addEventListener("pagehide", () => {
      if (!background) return;
      background.disconnect();
      background = null;
      say("lost");
    });
    page.start();
    page.postMessage(JSON.stringify({ pero: "ready", version: chrome.runtime.getManifest().version }));
  }
}
