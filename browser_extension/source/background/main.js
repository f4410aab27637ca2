/**
 * The background of the extension: pages on one side, the one port to the agent on the other. Everything that is kept
 * here lives as long as the port; where the browser ends this background, content scripts connect again.
 */
import { AgentPort } from "./agent_port.js";
import { Pages } from "./pages.js";

/** What the popup may ask of the agent, and with which parameters. */
const QUESTIONS = new Map([
  ["status", () => ({})],
  ["diagnose", () => ({ language: language() })],
]);

/** @type {Map<string, (answer: object) => void>} questions of the popup, by id */
const questions = new Map();
let nextQuestion = 1;

const agent = new AgentPort(
  (envelope) => {
    if (envelope["page"] === undefined) answerPopup(envelope["message"]);
    else pages.answer(envelope["page"], envelope["message"]);
  },
  (error) => {
    pages.fail(error);
    for (const answer of questions.values()) answer({ error });
    questions.clear();
  },
);
const pages = new Pages(
  (envelope) => agent.send(envelope),
  () => agent.isOpen,
);

chrome.runtime.onConnect.addListener((port) => pages.add(port));

chrome.runtime.onMessage.addListener((question, sender, answer) => {
  const parameters = QUESTIONS.get(question);
  if (!parameters || !sender.url?.startsWith(chrome.runtime.getURL(""))) return false; // pages may not ask
  const id = `s${nextQuestion++}`;
  questions.set(id, answer);
  agent.send({ message: { jsonrpc: "2.0", id, method: question, params: parameters() } });
  return true; // the answer comes later
});

/** The agent speaks Russian and English; the browser may speak anything. */
function language() {
  return chrome.i18n.getUILanguage().toLowerCase().startsWith("ru") ? "ru" : "en";
}

/** @param {any} message JSON-RPC response of the agent to the extension itself */
function answerPopup(message) {
  questions.get(message?.id)?.(message);
  questions.delete(message?.id);
}
