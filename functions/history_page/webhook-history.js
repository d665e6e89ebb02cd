/**
 * <webhook-history api="https://…/v1" webhook="acme.orders" token="…">: what happened to each call of a webhook.
 *
 * The token comes from the attribute, from the property `renewToken` (a function that gives one, or a promise of one;
 * called again when a token has expired), or from the page's own address: #token=…&webhook=….
 * Whatever receivers and producers wrote is put into the page as text, never as HTML.
 */

const FIRST_PAGE = 50;
const LATER_PAGES = 200;
const MOST_NEW_PAGES = 5; // more than these at once, and the list begins anew
const LATE_MS = 35_000; // an execution is logged when it ends, up to this long after it began
const TIMEOUT_MS = 30_000;
const CLOCK_MS = 15_000;
const LIVE_MS = 3_000;
const CHAIN_MS = 1_500; // between looks for an attempt that is due
const SLOW_CHAIN_MS = 30_000; // the same, once it is a minute late
const COLOURED_CHARACTERS = 50_000;
const UNFOLDED_LINES = 60; // a longer body begins with its inner parts folded
const DEEPEST_FOLD = 20;
const MOST_BARS = 48;
const KEPT_TOKEN = "hooklog.token";
const STYLESHEET = new URL("webhook-history.css", import.meta.url).href;

const KNOWN_STATUSES = ["success", "failure"];
const COLUMNS = ["Time", "Result", "Event", "Attempt", "Duration", "Next attempt", "View"];
const RESEND = "executions:resend";
const ERASE = "webhooks:manage";

// ---- building the page

/** An element, as h("p.remark", {attributes}, ...children): text among the children stays text, a function among the
 * attributes listens to the event of its name. */
function h(kind, ...given) {
  const [name, ...classes] = kind.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  const attributes = given[0]?.constructor === Object ? given.shift() : {};
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...given);
  return made;
}

function button(text, click, look = "", attributes = {}) {
  return h(`button${look && `.${look}`}`, { type: "button", click, ...attributes }, text);
}

/** Text that somebody else wrote: its writing direction stays its own. */
function foreign(text) {
  return h("bdi", String(text));
}

function say(from, text) {
  from.dispatchEvent(new CustomEvent("said", { bubbles: true, detail: text }));
}

function liveRegion(heard, attributes = {}) {
  const region = h("p", { role: "status", ...attributes });
  heard.addEventListener("said", (event) => {
    event.stopPropagation();
    if (region.textContent !== event.detail) region.textContent = event.detail;
  });
  return region;
}

// ---- times and sizes in words

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7]];

function relativeTime(iso, now = Date.now()) {
  let distance = (Date.parse(iso) - now) / 1000;
  if (Math.abs(distance) < 10) return "just now";
  for (const [unit, most] of STEPS) {
    if (Math.abs(distance) < most) return RELATIVE.format(Math.round(distance), unit);
    distance /= most;
  }
  return DAY_AND_TIME.format(Date.parse(iso));
}

function exactTime(iso) {
  return EXACT.format(Date.parse(iso));
}

function relativeTimeElement(iso) {
  return h("time", { datetime: iso, title: exactTime(iso) }, relativeTime(iso));
}

/** How long, in its two largest units: "2 h 5 min". */
function span(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  const units = [["d", 86_400, 365], ["h", 3600, 24], ["min", 60, 60], ["s", 1, 60]];
  const parts = units.map(([unit, of, most]) => [Math.floor(seconds / of) % most, unit]);
  const first = parts.findIndex(([count]) => count > 0);
  return first < 0 ? "0 s" : parts.slice(first, first + 2).map((part) => part.join(" ")).join(" ");
}

function duration(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function startOfDay(day, daysLater = 0) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + daysLater).toISOString();
}

// ---- JSON as it was sent, on lines of its own

const JSON_TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

function isJson(text) {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/** [text, kind] pairs that make up the laid out JSON. Numbers and escapes stay as they were written. */
function* layOut(text) {
  let depth = 0;
  const newLine = () => `\n${"  ".repeat(Math.min(depth, DEEPEST_FOLD))}`;
  const tokens = text.match(JSON_TOKEN);
  for (let at = 0; at < tokens.length; at++) {
    const [token, next] = [tokens[at], tokens[at + 1]];
    if ((token === "{" && next === "}") || (token === "[" && next === "]")) {
      yield [token + tokens[++at]];
    } else if (token === "{" || token === "[") {
      depth++;
      yield [token, "open"];
      yield [newLine()];
    } else if (token === "}" || token === "]") {
      depth--;
      yield [newLine()];
      yield [token, "close"];
    } else if (token === ",") yield [token + newLine(), "comma"];
    else if (token === ":") yield [": "];
    else yield [token, next === ":" ? "key" : token[0] === '"' ? "string" : "literal"];
  }
}

/** What is between two brackets, behind a button that hides it. The text of the whole stays the JSON's own. */
class Fold {
  items = 1;
  inside = h("span");

  constructor(key) {
    this.key = key;
    this.button = button("", () => this.turn(this.inside.hidden), "fold");
    this.turn(true);
  }

  turn(open) {
    this.inside.hidden = !open;
    this.button.setAttribute("aria-expanded", open);
  }

  close() {
    this.button.dataset.items = this.items === 1 ? "1 item" : `${this.items} items`;
    this.button.setAttribute("aria-label", `${this.key} ${this.button.dataset.items}`);
  }
}

/** The laid out JSON in an element, and its folds without the outermost. Below DEEPEST_FOLD there are none. */
function folded(parts) {
  const [open, folds] = [[{ inside: h("span") }], []];
  let [key, deeper] = ["", 0];
  for (const [text, kind] of parts) {
    if (kind === "close" && !deeper) {
      open.at(-1).close();
      folds.push(open.pop());
    }
    const within = open.at(-1);
    within.inside.append(["key", "string", "literal"].includes(kind) ? h(`span.${kind}`, text) : text);
    if (kind === "key") key = text;
    else if (kind === "comma" && !deeper) within.items++;
    else if (kind === "close" && deeper) deeper--;
    else if (kind === "open" && (deeper || open.length > DEEPEST_FOLD)) deeper++;
    else if (kind === "open") {
      open.push(new Fold(key));
      within.inside.append(open.at(-1).button, open.at(-1).inside);
    }
  }
  return { whole: open[0].inside, folds: folds.slice(0, -1) };
}

function laidOut(text) {
  if (!isJson(text)) return { content: [text], folds: [] };
  const parts = [...layOut(text)];
  if (text.length > COLOURED_CHARACTERS) return { content: [parts.map(([part]) => part).join("")], folds: [] };
  const { whole, folds } = folded(parts);
  if (whole.textContent.split("\n").length > UNFOLDED_LINES) for (const fold of folds) fold.turn(false);
  return { content: [whole], folds };
}

// ---- the filter, as the address bar holds it

const NO_FILTER = { status: "", from: "", to: "", message: "" };
const FILTER = Object.keys(NO_FILTER);
const OUR_PARAMETERS = [...FILTER, "execution", "webhook"];

function isDay(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(text));
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  const given = Object.fromEntries(OUR_PARAMETERS.map((name) => [name, query.get(name) ?? ""]));
  const [from, to] = [given.from, given.to].map((day) => (isDay(day) ? day : ""));
  return { ...given, status: KNOWN_STATUSES.includes(given.status) ? given.status : "", ...inOrder(from, to) };
}

function inOrder(from, to) {
  return from && to && from > to ? { from: to, to: from } : { from, to };
}

/** Change our own parameters; those of the page around us stay. */
function writeAddress(changes) {
  const url = new URL(location.href);
  for (const name of OUR_PARAMETERS) {
    if (changes[name]) url.searchParams.set(name, changes[name]);
    else if (name in changes) url.searchParams.delete(name);
  }
  history.replaceState(history.state, "", url);
}

function queryOf({ status, from, to }) {
  return { ...(status && { status }), ...(from && { from: startOfDay(from) }), ...(to && { to: startOfDay(to, 1) }) };
}

/** What the API does for a webhook's executions, done here for those of one message. */
function matches(execution, filter) {
  const { status, from = "", to = "~" } = queryOf(filter);
  const at = execution.executed_at;
  return (!status || execution.success === (status === "success")) && from <= at && at < to;
}

/** The token of an address #token=…&webhook=…, which the address bar then no longer shows. */
function takeTokenFromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (!token) return sessionStorage.getItem(KEPT_TOKEN);
  sessionStorage.setItem(KEPT_TOKEN, token);
  history.replaceState(history.state, "", location.pathname + location.search);
  if (fragment.has("webhook")) writeAddress({ webhook: fragment.get("webhook") });
  return token;
}

// ---- the API

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

class Unreachable extends Error {}

/** As the token says of itself: what to offer, for the API decides anyway. */
function scopesOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).scope.split(" ");
  } catch {
    return [];
  }
}

class Api {
  base = "";
  webhook = "";
  token = null;
  renewToken = null;

  get ready() {
    return Boolean((this.token || this.renewToken) && this.webhook);
  }

  allows(scope) {
    return scopesOf(this.token).includes(scope);
  }

  /** Of an execution of the webhook: its details, or what is done with it. Without an id, of all of them. */
  executions(id, action, method, signal) {
    const one = id == null ? "" : `/${encodeURIComponent(id)}`;
    return this.#ask(method, `/webhooks/${encodeURIComponent(this.webhook)}/executions${one}${action}`, signal);
  }

  async message(id, signal) {
    const { executions } = await this.#ask("GET", `/messages/${encodeURIComponent(id)}/executions`, signal);
    return executions.filter((execution) => execution.webhook_id === this.webhook);
  }

  async #ask(method, path, signal) {
    if (!this.token) await this.#renew();
    try {
      return await this.#exchange(method, path, signal);
    } catch (error) {
      if (error.status !== 401 || !this.renewToken) throw error;
      await this.#renew();
      return this.#exchange(method, path, signal);
    }
  }

  /** Whatever goes wrong on the way is Unreachable; an abort of ours stays one. */
  async #exchange(method, path, signal) {
    try {
      const response = await fetch(this.base + path, {
        method,
        headers: { Authorization: `Bearer ${this.token}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        cache: "no-store",
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
      const answer = response.status === 204 ? null : await response.json();
      if (response.ok) return answer;
      throw new Refused(response.status, answer?.error?.message ?? `The API answered ${response.status}.`);
    } catch (error) {
      throw error instanceof Refused || signal.aborted ? error : new Unreachable(error.message);
    }
  }

  async #renew() {
    try {
      this.token = await this.renewToken();
    } catch (error) {
      throw new Refused(401, error?.message ?? "");
    }
  }
}

// ---- what to say when there is no list

const EXPIRED = {
  title: "Your access has expired",
  text: "Open the history again from where you came, with a new token, or try again.",
};
const NO_TOKEN = {
  title: "A token is needed",
  text: "Open this page with #token=<token>&webhook=<webhook id> at the end of its address.",
};
const NO_WEBHOOK = {
  title: "Which webhook?",
  text: "Add ?webhook=<webhook id> to the address of this page.",
};
const NOTHING_MATCHES = { title: "Nothing matches", text: "No execution of this webhook matches the filter." };
const NO_SUCH_MESSAGE = { ...NOTHING_MATCHES, text: "This webhook has no execution of that message. Is its id whole?" };
const NOT_KEPT = { title: "No longer kept", text: "This execution has expired, or was never one of this webhook." };

function problem(error) {
  if (error instanceof Unreachable) {
    return { title: "The API cannot be reached", text: "Check your connection, then try again.", kind: "failure" };
  }
  if (error.status === 401) return { ...EXPIRED, kind: "failure" };
  const said = sentence(error.message);
  if (error.status === 403) {
    return { title: "No permission", text: `${said} Ask for one for this webhook with the scope executions:read.`, said };
  }
  const title = error.status === 429 ? "Too many requests" : "That did not work";
  return { title, text: said, kind: "failure" };
}

function sentence(text) {
  const trimmed = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function notice({ title, text, kind = "plain" }, ...more) {
  return h("div", { class: `notice ${kind}` }, h("h3", title), h("p", text), ...more);
}

function firstMessage(webhook) {
  const message = {
    webhook_id: webhook,
    url: "https://example.com/webhooks",
    event_type: "order.created",
    payload: { order: 1042 },
  };
  const body = quoted(JSON.stringify(message, null, 2));
  return `aws sqs send-message --queue-url "$QUEUE_URL" --message-group-id ${quoted(webhook)} \\\n  --message-body ${body}`;
}

function nothingYet(webhook) {
  const command = firstMessage(webhook);
  return notice(
    { title: "Nothing sent yet", text: "Put the first message for this webhook on the queue; it then shows up here." },
    block("Command", { content: [command] }, command),
  );
}

function skeleton(lines) {
  const bar = () => h("div.bar");
  return h("div.skeleton", { "aria-hidden": "true" }, ...Array.from({ length: lines }, bar));
}

// ---- lines of the list

function kindOf(execution) {
  return execution.success ? "success" : execution.result === 0 ? "unreached" : "failure";
}

function badge(execution) {
  const text = execution.result === 0 ? "0 not reached" : String(execution.result);
  return h("span", { class: `badge ${kindOf(execution)}` }, text);
}

function attempt(execution) {
  return execution.trigger === "event" ? `${execution.attempt}` : `${execution.attempt} · ${execution.trigger}`;
}

function nextAttempt(execution) {
  if (execution.next_attempt_at) return relativeTimeElement(execution.next_attempt_at);
  return execution.exhausted ? "none" : "–";
}

function cell(kind, ...children) {
  return h("td", { role: "cell", class: kind }, ...children);
}

function row(execution, view) {
  const event = execution.event_type ?? "–";
  const name = `View ${event}, ${execution.result}, ${exactTime(execution.executed_at)}`;
  return h(
    "tr",
    { role: "row" },
    cell("time", relativeTimeElement(execution.executed_at)),
    cell("result", badge(execution)),
    cell("event", foreign(event), h("bdi.id", execution.message_id)),
    cell("attempt", foreign(attempt(execution))),
    cell("duration", duration(execution.duration_ms)),
    cell("next", nextAttempt(execution)),
    cell("open", button("View", () => view(execution.execution_id), "view", { "aria-label": name })),
  );
}

function table(body) {
  const headings = COLUMNS.map((name) =>
    h("th", { role: "columnheader", scope: "col", class: name.toLowerCase().split(" ")[0] }, name),
  );
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...headings));
  return h("table", { role: "table", "aria-label": "Executions, newest first" }, head, body);
}

function choice(value, text, chosen) {
  const radio = h("input", { type: "radio", name: "status", value, checked: value === chosen });
  return h("label", radio, h("span", text));
}

function field(name, text, value, attributes) {
  return h("label", { class: `field ${name}` }, text, h("input", { name, value, ...attributes }));
}

function filterForm(filter, change) {
  return h("form.filter", { "aria-label": "Filter", change, search: change, submit: (event) => event.preventDefault() },
    h("fieldset.choices",
      h("legend.unseen", "Result"),
      choice("", "All", filter.status),
      choice("success", "Succeeded", filter.status),
      choice("failure", "Failed", filter.status),
    ),
    field("from", "From", filter.from, { type: "date" }),
    field("to", "To", filter.to, { type: "date" }),
    field("message", "Message id", filter.message, { type: "search", spellcheck: "false", autocomplete: "off" }),
  );
}

// ---- the strip: when it broke

const BAR_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400, 604_800, 2_592_000];

/** Executions, newest first, counted by equal spans of time that begin where the viewer's clock is round. */
function countedByTime(executions) {
  const times = executions.map((execution) => Date.parse(execution.executed_at));
  const [newest, oldest] = [times[0], times.at(-1)];
  const wide = (seconds) => (newest - oldest) / 1000 / seconds < MOST_BARS - 1;
  const width = 1000 * (BAR_SECONDS.find(wide) ?? BAR_SECONDS.at(-1));
  const zone = new Date(oldest).getTimezoneOffset() * 60_000;
  const start = Math.floor((oldest - zone) / width) * width + zone;
  const bars = [];
  for (let from = start; from <= newest; from += width) bars.push({ from, to: from + width, succeeded: 0, failed: 0 });
  executions.forEach(({ success }, at) => bars[Math.floor((times[at] - start) / width)][success ? "succeeded" : "failed"]++);
  return bars;
}

function counts({ succeeded, failed }) {
  return `${succeeded} succeeded, ${failed} failed`;
}

function bar(counted, most) {
  const parts = ["succeeded", "failed"].map((kind) => {
    const part = h("i", { class: kind, hidden: counted[kind] === 0 });
    part.style.height = `${(100 * counted[kind]) / most}%`;
    return part;
  });
  const title = `${DAY_AND_TIME.formatRange(counted.from, counted.to)}: ${counts(counted)}`;
  return h("span", { title }, ...parts);
}

function strip(executions) {
  const bars = countedByTime(executions);
  const most = Math.max(...bars.map(({ succeeded, failed }) => succeeded + failed));
  const failing = bars.filter(({ failed }) => failed);
  const failures = failing.slice(-5).map(({ from, failed }) => `${failed} at ${DAY_AND_TIME.format(from)}`);
  const name = `Over time: ${failures.length ? `failures, ${failures.join("; ")}` : "no failures"}`;
  const failed = executions.filter(({ success }) => !success).length;
  const edge = (execution) => h("span", DAY_AND_TIME.format(Date.parse(execution.executed_at)));
  return [
    h("div.bars", { role: "img", "aria-label": name }, ...bars.map((counted) => bar(counted, most))),
    h("p.scale",
      edge(executions.at(-1)),
      h("span", { class: failed ? "sum failing" : "sum" }, counts({ succeeded: executions.length - failed, failed })),
      edge(executions[0]),
    ),
  ];
}

// ---- parts of one execution

function copyButton(what, text, look = "copy") {
  const copy = async (event) => {
    const pressed = event.currentTarget;
    const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    const label = pressed.textContent;
    pressed.classList.toggle("copied", copied);
    pressed.textContent = copied ? "Copied" : "Not allowed here";
    pressed.disabled = true;
    say(pressed, copied ? `Copied ${what}` : "Copying is not allowed here");
    setTimeout(() => {
      pressed.textContent = label;
      pressed.disabled = false;
      pressed.classList.remove("copied");
    }, 1500);
  };
  return button("Copy", copy, look, { "aria-label": `Copy ${what}` });
}

function block(title, { content, folds = [] }, copied, ...remarks) {
  const verb = () => (folds.some((fold) => fold.inside.hidden) ? "Unfold" : "Fold");
  const turn = ({ currentTarget }) => {
    const open = verb() === "Unfold";
    for (const fold of folds) fold.turn(open);
    currentTarget.textContent = verb();
  };
  const actions = [copyButton(title, copied)];
  if (folds.length) actions.unshift(button(verb(), turn, "copy"));
  const heading = h("div.block-head", h("h3", title), ...actions);
  const text = h("pre", { tabindex: "0", role: "group", "aria-label": title }, ...content);
  return h("section.block", heading, ...remarks, text);
}

function remark(text) {
  return h("p.remark", text);
}

function headerBlock(title, headers) {
  const lines = Object.entries(headers);
  const content = lines.flatMap(([name, value]) => [h("span.key", name), `: ${value}\n`]);
  return block(title, { content }, lines.map(([name, value]) => `${name}: ${value}\n`).join(""));
}

function bytesOf(body, encoding) {
  return encoding === "base64" ? atob(body).length : new TextEncoder().encode(body).length;
}

function bodyRemarks(body, encoding, truncated, bytes) {
  const remarks = [];
  if (encoding === "base64") remarks.push("Not UTF-8 text: shown as base64.");
  if (truncated) {
    const whole = bytes == null ? "" : ` of ${size(bytes)}`;
    remarks.push(`Truncated: only the first ${size(bytesOf(body, encoding))}${whole} were kept.`);
  }
  return remarks.map(remark);
}

function bodyBlock(title, body, encoding, truncated = false, bytes = null) {
  const remarks = bodyRemarks(body, encoding, truncated, bytes);
  if (!body) return block(title, { content: [h("span.muted", "empty")] }, "", ...remarks);
  return block(title, encoding ? { content: [body] } : laidOut(body), body, ...remarks);
}

/** Name, what to show, what to copy, and how much room it takes. */
function* facts(execution) {
  const { error, url, message_id: message, execution_id: id, executed_at: at } = execution;
  const hard = execution.hard_error ? "yes" : "no";
  yield ["Result", badge(execution), execution.result];
  if (!execution.success) yield ["Hard Error", hard, hard];
  yield ["Attempt", foreign(attempt(execution))];
  yield ["Duration", duration(execution.duration_ms)];
  if (error) {
    yield ["Error", h("code", foreign(error.type)), error.type, "wide"];
    yield ["Error Message", foreign(error.message), error.message, "wide"];
  }
  yield ["Executed at", exactTime(at), at, "wide"];
  if (url) yield ["Sent to", foreign(`${execution.method} ${url}`), url, "wide"];
  yield ["Message id", foreign(message), message, "wide"];
  yield ["Execution id", foreign(id), id, "wide"];
}

function factList(execution) {
  const shown = [...facts(execution)].map(([name, value, copied, width]) => {
    const copy = copied == null ? [] : [copyButton(name, String(copied), "icon")];
    return h("div", { class: width }, h("dt", name), h("dd", h("span", value), ...copy));
  });
  return h("dl.facts", ...shown);
}

function* blocks(execution) {
  if (execution.request_headers) yield headerBlock("Headers", execution.request_headers);
  if (execution.request_body != null) {
    yield bodyBlock("Request Body", execution.request_body, execution.request_body_encoding);
  }
  if (execution.response_body != null) {
    const { response_body_encoding: encoding, response_body_truncated: truncated, response_body_bytes: bytes } = execution;
    yield bodyBlock("Response Body", execution.response_body, encoding, truncated, bytes);
  }
  if (execution.response_headers) yield headerBlock("Response Headers", execution.response_headers);
}

function* details(execution) {
  yield* blocks(execution);
  if (execution.request_headers || execution.request_body != null) return;
  if (execution.erased) yield remark("The headers and bodies of this execution were erased.");
  else if (execution.success) yield remark("Headers and bodies are kept for failed executions only.");
  else yield remark("The headers and bodies of this execution are no longer kept.");
}

function quoted(text) {
  return /^\w[\w.:/-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const CURL_SETS = ["host", "content-length", "accept-encoding", "connection"];

function curl({ url, method, request_headers: headers = {}, request_body: body, request_body_encoding: encoding }) {
  const own = Object.entries(headers).filter(([name]) => !CURL_SETS.includes(name.toLowerCase()));
  const binary = encoding === "base64";
  const lines = [
    `${binary ? `printf %s ${quoted(body)} | base64 -d | ` : ""}curl --globoff -X ${quoted(method)} ${quoted(url)}`,
    ...own.map(([name, value]) => `-H ${quoted(value === "" ? `${name};` : `${name}: ${value}`)}`),
  ];
  if (body != null) lines.push(binary ? "--data-binary @-" : `--data-raw ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

// ---- the attempts of a message

/** When the last of these attempts is followed by another, in milliseconds, or null. */
function dueAt(chain) {
  const last = chain.at(-1);
  return last && !last.success && last.next_attempt_at ? Date.parse(last.next_attempt_at) : null;
}

/** What a customer is told. */
function outcome(chain) {
  const delivered = chain.find((execution) => execution.success);
  if (delivered) {
    if (delivered === chain[0]) return "Delivered at the first attempt.";
    const later = Date.parse(delivered.executed_at) - Date.parse(chain[0].executed_at);
    return `Delivered at attempt ${delivered.attempt}, ${span(later)} after the first.`;
  }
  if (dueAt(chain) !== null) return "Not delivered so far.";
  return chain.at(-1).exhausted ? "Not delivered, and nothing more is sent by itself." : "Not delivered.";
}

function attemptItem(execution, shown, view) {
  const name = `Attempt ${execution.attempt}`;
  const current = execution.execution_id === shown;
  const title = current ? h("b", name) : button(name, () => view(execution.execution_id), "link");
  const trigger = execution.trigger === "event" ? [] : [h("span.muted", foreign(execution.trigger))];
  return h(
    "li",
    { class: kindOf(execution), "aria-current": current && "true" },
    title,
    badge(execution),
    ...trigger,
    relativeTimeElement(execution.executed_at),
  );
}

function timeline(chain, shown, view) {
  const items = chain.map((execution) => attemptItem(execution, shown, view));
  if (dueAt(chain) !== null) {
    const timer = h("span", { role: "timer", title: exactTime(chain.at(-1).next_attempt_at) });
    items.push(h("li.due", `Attempt ${chain.at(-1).attempt + 1}`, timer));
  }
  return [h("h3", "Attempts"), h("p.outcome", outcome(chain)), h("ol", ...items)];
}

// ---- the list

class ExecutionList {
  element = h("section.list");

  #api;
  #view;
  #filter = readAddress();
  #executions = [];
  #cursor = null;
  #loading = new AbortController();
  #busy = false;
  #timer = null;

  #title = h("h2.webhook");
  #live = h("input", { type: "checkbox", role: "switch", change: () => this.#addNew().then(this.#goOn) });
  #toolbar = h("div.toolbar");
  #strip = h("div.strip");
  #rows = h("tbody", { role: "rowgroup" });
  #table = table(this.#rows);
  #state = h("div.state");
  #more = button("Load more", () => this.#loadMore(), "more");
  #said = liveRegion(this.element, { class: "said" });

  constructor(api, view) {
    this.#api = api;
    this.#view = view;
    this.element.append(this.#toolbar, this.#strip, this.#table, this.#state, this.#more, this.#said);
  }

  start() {
    this.#filter = readAddress();
    this.#title.replaceChildren(foreign(this.#api.webhook));
    const live = h("label.live", this.#live, "Live");
    const head = h("div.head", this.#title, live, button("Refresh", () => this.refresh()));
    this.#toolbar.replaceChildren(head, filterForm(this.#filter, this.#filterChanged));
    this.#load();
    this.#goOn();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#loading.abort();
  }

  tick() {
    for (const time of this.#rows.querySelectorAll("time")) {
      const text = relativeTime(time.dateTime);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  /** Add what is new; where nothing is listed, or it cannot be listed, begin anew. */
  refresh() {
    return this.#executions.length && this.#state.hidden ? this.#addNew() : this.#load();
  }

  #filterChanged = (event) => {
    const { elements } = event.currentTarget;
    const given = { status: elements.status.value, ...inOrder(elements.from.value, elements.to.value) };
    given.message = elements.message.value.trim();
    elements.from.value = given.from;
    elements.to.value = given.to;
    if (FILTER.every((name) => this.#filter[name] === given[name])) return;
    this.#filter = given;
    writeAddress(given);
    this.#load();
  };

  #showAll = () => {
    writeAddress(NO_FILTER);
    this.start();
    this.#toolbar.querySelector("form input").focus();
  };

  #load() {
    this.#loading.abort();
    this.#loading = new AbortController();
    this.#executions = [];
    this.#cursor = null;
    this.#rows.replaceChildren();
    this.#arrange();
    this.#offerMore(false);
    this.#toolbar.hidden = !this.#api.ready;
    if (!this.#api.ready) return this.#showState(notice(this.#api.webhook ? NO_TOKEN : NO_WEBHOOK));
    this.#showState(skeleton(6));
    return this.#loadPage();
  }

  #loadMore() {
    if (this.#busy) return;
    this.#more.setAttribute("aria-disabled", "true");
    this.#more.textContent = "Loading…";
    this.#loadPage();
  }

  async #loadPage() {
    const { signal } = this.#loading;
    this.#busy = true;
    say(this.#rows, "Loading executions…");
    try {
      const found = await this.#older(signal);
      if (!signal.aborted) this.#show(found);
    } catch (error) {
      if (!signal.aborted) this.#showProblem(error, () => this.#loadPage());
    } finally {
      if (!signal.aborted) this.#busy = false;
    }
  }

  /** A page may be empty although there are more behind it: then the next one is asked for. */
  async #older(signal) {
    if (this.#filter.message) return this.#ofMessage(signal);
    const limit = this.#executions.length ? LATER_PAGES : FIRST_PAGE;
    do {
      const page = await this.#page({ limit, ...(this.#cursor && { cursor: this.#cursor }) }, signal);
      this.#cursor = page.next_cursor;
      if (page.executions.length || !this.#cursor) return page.executions;
    } while (!signal.aborted);
    return [];
  }

  /** What came since the newest one that is listed; null where that is too much. */
  async #newer(signal) {
    if (this.#filter.message) return this.#ofMessage(signal);
    const since = Date.parse(this.#executions[0].executed_at) - LATE_MS;
    const given = queryOf(this.#filter).from;
    const from = new Date(Math.max(since, given ? Date.parse(given) : 0)).toISOString();
    const found = [];
    let cursor = null;
    for (let pages = 0; pages < MOST_NEW_PAGES; pages++) {
      const page = await this.#page({ from, limit: LATER_PAGES, ...(cursor && { cursor }) }, signal);
      found.push(...page.executions);
      cursor = page.next_cursor;
      if (!cursor) return found;
    }
    return null;
  }

  #page(query, signal) {
    const parameters = new URLSearchParams({ ...queryOf(this.#filter), ...query });
    return this.#api.executions(null, `?${parameters}`, "GET", signal);
  }

  async #ofMessage(signal) {
    const chain = await this.#api.message(this.#filter.message, signal);
    return chain.filter((execution) => matches(execution, this.#filter)).reverse();
  }

  /** While live: look again in a moment, but not where nobody looks. */
  #goOn = () => {
    clearTimeout(this.#timer);
    if (!this.#live.checked || !this.element.isConnected) return;
    this.#timer = setTimeout(() => (document.hidden ? this.#goOn() : this.#addNew().then(this.#goOn)), LIVE_MS);
  };

  async #addNew() {
    const { signal } = this.#loading;
    if (this.#busy || !this.#api.ready) return;
    try {
      const found = await (this.#executions.length ? this.#newer(signal) : this.#older(signal));
      if (signal.aborted) return;
      if (found === null) await this.#load();
      else if (this.#add(found, "fresh").length || !this.#state.hidden) this.#settle();
      else this.#sayCount();
    } catch (error) {
      if (signal.aborted) return;
      const passes = error instanceof Unreachable || error.status === 429 || error.status >= 500;
      if (passes && this.#live.checked) return say(this.#rows, "Live: no answer, trying again…");
      this.#live.checked = false;
      this.#showProblem(error, () => this.#addNew());
    }
  }

  #show(found) {
    const wasOnMore = this.element.getRootNode().activeElement === this.#more;
    const rows = this.#add(found);
    this.#settle();
    if (wasOnMore && !this.#cursor) (rows[0] ?? this.#rows.lastElementChild)?.querySelector("button").focus();
  }

  /** Put each that is not listed yet in its place; returns their rows. */
  #add(found, look = "") {
    const rows = [];
    let at = 0;
    for (const execution of found) {
      while (this.#executions[at]?.execution_id > execution.execution_id) at++;
      if (this.#executions[at]?.execution_id === execution.execution_id) continue;
      const added = row(execution, this.#view);
      if (look) added.className = look;
      this.#rows.insertBefore(added, this.#rows.children[at] ?? null);
      this.#executions.splice(at, 0, execution);
      rows.push(added);
    }
    return rows;
  }

  #settle() {
    this.#arrange();
    this.#offerMore(Boolean(this.#cursor));
    this.#showState(...(this.#executions.length ? [] : [this.#nothing()]));
    this.#sayCount();
  }

  #arrange() {
    this.#table.hidden = this.#executions.length === 0;
    this.#strip.hidden = this.#executions.length < 2;
    this.#strip.replaceChildren(...(this.#strip.hidden ? [] : strip(this.#executions)));
  }

  #sayCount() {
    const count = this.#executions.length;
    const executions = count === 1 ? "1 execution" : `${count} executions`;
    if (count) say(this.#rows, this.#cursor ? `${executions}, and there are older ones` : executions);
    else say(this.#rows, "No executions");
  }

  #offerMore(more) {
    this.#more.hidden = !more;
    this.#more.removeAttribute("aria-disabled");
    this.#more.textContent = "Load more";
  }

  #nothing() {
    if (FILTER.every((name) => !this.#filter[name])) return nothingYet(this.#api.webhook);
    return notice(this.#filter.message ? NO_SUCH_MESSAGE : NOTHING_MATCHES, button("Show all", this.#showAll));
  }

  /** What is listed already stays; trying again goes on behind it. */
  #showProblem(error, tryAgain) {
    this.#offerMore(false);
    const shown = problem(error);
    const again = () => {
      this.#showState(skeleton(3));
      tryAgain();
    };
    this.#showState(notice(shown, button("Try again", again)));
    say(this.#rows, shown.title);
  }

  #showState(...children) {
    this.#state.replaceChildren(...children);
    this.#state.hidden = children.length === 0;
  }
}

// ---- one execution

class ExecutionView {
  element = h("dialog", { "aria-labelledby": "viewed", close: () => this.#closed() });

  #api;
  #arrived;
  #viewing = new AbortController();
  #execution = null;
  #chain = [];
  #sent = null; // when it was sent again from here, until the new execution is there
  #lastLook = 0;
  #looking = false;

  #attempts = h("section.attempts", { hidden: true });
  #panel = h("div.panel", { hidden: true });
  #said = liveRegion(this.element, { class: "unseen" });

  constructor(api, arrived) {
    this.#api = api;
    this.#arrived = arrived;
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
  }

  open = async (id) => {
    this.stop();
    const { signal } = (this.#viewing = new AbortController());
    writeAddress({ execution: id });
    this.#render("Execution", [], skeleton(5));
    if (!this.element.open) this.element.showModal();
    try {
      const execution = await this.#api.executions(id, "", "GET", signal);
      if (!signal.aborted) this.#show(execution);
    } catch (error) {
      if (!signal.aborted) this.#render("Execution", [], this.#problem(error, id));
    }
  };

  stop() {
    this.#viewing.abort();
    this.#execution = null;
    this.#sent = null;
    this.#chain = [];
    for (const part of [this.#attempts, this.#panel]) part.hidden = true;
  }

  /** Each second: count down, and look for what is due. */
  tick() {
    if (!this.#execution || document.hidden) return;
    const now = Date.now();
    const due = dueAt(this.#chain);
    const timer = this.#attempts.querySelector("[role=timer]");
    if (timer) timer.textContent = due > now ? `in ${span(due - now)}` : "due now";
    const late = this.#sent ? now - this.#sent.at : due === null ? -1 : now - due;
    if (this.#sent && late > 60_000) this.#sentAndWaiting();
    if (late >= 0 && now - this.#lastLook >= (late < 60_000 ? CHAIN_MS : SLOW_CHAIN_MS)) this.#look();
  }

  #render(title, actions, ...children) {
    const close = button("Close", () => this.element.close(), "close");
    const head = h("header", h("h2", { id: "viewed" }, foreign(title)), close);
    const tools = h("div.actions", { hidden: actions.length === 0 }, ...actions);
    this.element.replaceChildren(head, h("div.details", tools, ...children), this.#said);
    if (this.element.open) close.focus();
  }

  #show(execution) {
    this.#execution = execution;
    const actions = [...this.#actions(execution)];
    const parts = [factList(execution), this.#attempts, ...details(execution)];
    this.#render(execution.event_type ?? "Execution", actions, this.#panel, ...parts);
    this.#look();
  }

  *#actions(execution) {
    const sent = execution.request_body != null;
    if (sent && this.#api.allows(RESEND)) {
      const question = `Send this message to ${execution.url ?? "its webhook"} again, now?`;
      yield button("Send again", () => this.#confirm(question, "Send", () => this.#resend()), "primary");
    }
    if (execution.url && sent) {
      const copy = copyButton("as cURL", curl(execution), "");
      copy.textContent = "Copy as cURL";
      yield copy;
    }
    if (sent && this.#api.allows(ERASE)) {
      const question = "Erase the headers and bodies of this execution for good? It cannot be sent again after that.";
      yield button("Erase", () => this.#confirm(question, "Erase", () => this.#erase()), "danger");
    }
  }

  #problem(error, id) {
    if (error.status === 404) return notice(NOT_KEPT);
    return notice(problem(error), button("Try again", () => this.open(id)));
  }

  #confirm(question, verb, act) {
    const asked = h("p", { tabindex: "-1" }, foreign(question));
    const go = (event) => {
      event.currentTarget.disabled = true;
      act();
    };
    const leave = () => {
      this.#panel.hidden = true;
      this.element.querySelector(".actions button").focus();
    };
    this.#say(asked, button(verb, go, "primary"), button("Cancel", leave));
    asked.focus();
  }

  #say(...children) {
    this.#panel.replaceChildren(...children);
    this.#panel.hidden = false;
  }

  async #act(action, method) {
    const { signal } = this.#viewing;
    try {
      await this.#api.executions(this.#execution.execution_id, action, method, new AbortController().signal);
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      const { title, text, said = text } = problem(error);
      this.#tell(`${title}. ${said}`);
      return false;
    }
  }

  #tell(text, ...more) {
    this.#say(h("p", foreign(text)), ...more);
    say(this.#panel, text);
  }

  async #resend() {
    const before = new Set(this.#chain.map((execution) => execution.execution_id));
    const at = Date.now();
    if (!(await this.#act("/resend", "POST"))) return;
    this.#sent = { at, before };
    this.#tell("On the queue. Its execution shows up here in a moment…");
  }

  #sentAndWaiting() {
    this.#sent = null;
    this.#tell("It is on the queue, and was not executed within a minute. It will be in the list.");
  }

  async #erase() {
    if (!(await this.#act("/details", "DELETE"))) return;
    await this.open(this.#execution.execution_id);
    say(this.element, "Erased");
  }

  async #look() {
    if (this.#looking === this.#viewing) return;
    const viewing = (this.#looking = this.#viewing);
    this.#lastLook = Date.now();
    try {
      const chain = await this.#api.message(this.#execution.message_id, viewing.signal);
      if (!viewing.signal.aborted) this.#showChain(chain);
    } catch (error) {
      if (!viewing.signal.aborted && !this.#chain.length) this.#showNoChain(error);
    } finally {
      if (this.#looking === viewing) this.#looking = null;
    }
  }

  #showChain(chain) {
    const before = this.#chain.length;
    if (chain.length <= before) return;
    this.#chain = chain;
    this.#attempts.replaceChildren(...timeline(chain, this.#execution.execution_id, this.open));
    this.#attempts.hidden = false;
    this.tick();
    if (before) this.#tellArrived(chain.at(-1));
  }

  #tellArrived(newest) {
    const text = `Attempt ${newest.attempt}: ${badge(newest).textContent}`;
    if (this.#sent && !this.#sent.before.has(newest.execution_id)) {
      this.#sent = null;
      this.#tell(text, button("View it", () => this.open(newest.execution_id)));
    } else say(this.#panel, text);
    this.#arrived();
  }

  #showNoChain(error) {
    const again = button("Try again", () => this.#look());
    this.#attempts.replaceChildren(remark(`The attempts of this message cannot be shown. ${problem(error).title}.`), again);
    this.#attempts.hidden = false;
  }

  #closed() {
    this.stop();
    this.element.replaceChildren();
    writeAddress({ execution: "" });
  }
}

// ---- the component

class WebhookHistory extends HTMLElement {
  static observedAttributes = ["api", "webhook", "token"];

  #api = new Api();
  #list = new ExecutionList(this.#api, (id) => this.#view.open(id));
  #view = new ExecutionView(this.#api, () => this.#list.refresh());
  #clocks = null;

  constructor() {
    super();
    const sheet = h("link", { rel: "stylesheet", href: STYLESHEET });
    const whole = h("div.history", { hidden: true }, this.#list.element, this.#view.element);
    for (const event of ["load", "error"]) sheet.addEventListener(event, () => (whole.hidden = false));
    this.attachShadow({ mode: "open" }).append(sheet, whole);
  }

  /** Gives a token, or a promise of one; called when there is none yet, or the one there was has expired. */
  get renewToken() {
    return this.#api.renewToken;
  }

  set renewToken(renew) {
    this.#api.renewToken = renew;
    if (this.#clocks && !this.#api.token) this.#start();
  }

  connectedCallback() {
    this.#adoptEarlyProperty("renewToken");
    addEventListener("hashchange", this.#addressChanged);
    this.#clocks = [setInterval(() => this.#list.tick(), CLOCK_MS), setInterval(() => this.#view.tick(), 1000)];
    this.#start();
  }

  disconnectedCallback() {
    removeEventListener("hashchange", this.#addressChanged);
    this.#clocks.forEach(clearInterval);
    this.#clocks = null;
    this.#list.stop();
    this.#view.stop();
  }

  attributeChangedCallback(name, before, after) {
    if (this.#clocks && before !== after) this.#start();
  }

  /** A property that was set before this class was there hides the accessor of the same name. */
  #adoptEarlyProperty(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  #addressChanged = () => {
    if (new URLSearchParams(location.hash.slice(1)).has("token")) this.#start();
  };

  #start() {
    const api = this.#api;
    const own = this.getAttribute("token");
    api.token = own || (api.renewToken ? api.token : takeTokenFromAddress());
    const { webhook, execution } = readAddress();
    api.webhook = this.getAttribute("webhook") || webhook;
    api.base = new URL(this.getAttribute("api") ?? ".", document.baseURI).href.replace(/\/$/, "");
    this.#list.start();
    if (execution && api.ready) this.#view.open(execution);
  }
}

customElements.define("webhook-history", WebhookHistory);
