/**
 * <webhook-history api="https://…/v1" webhook="acme.orders" token="…">: what happened to each call of a webhook.
 *
 * The token comes from the attribute, from the property `renewToken` (a function that gives one, or a promise of one;
 * called again when a token has expired), or from the page's own address: #token=…&webhook=….
 * Whatever receivers and producers wrote is put into the page as text, never as HTML.
 */

const PAGE_SIZE = 50;
const TIMEOUT_MS = 30_000;
const CLOCK_MS = 15_000;
const COLOURED_CHARACTERS = 50_000;
const DEEPEST_INDENT = 20;
const KEPT_TOKEN = "hooklog.token";
const STYLESHEET = new URL("webhook-history.css", import.meta.url).href;

const KNOWN_STATUSES = ["success", "failure"];
const COLUMNS = ["Time", "Result", "Event", "Attempt", "Duration", "View"];

// ------------------------------------------------------------------ building the page

/** An element whose text children stay text. A function among the attributes listens to the event of its name. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function button(text, click, attributes = {}) {
  return element("button", { type: "button", click, ...attributes }, text);
}

/** Text that somebody else wrote: its writing direction stays its own. */
function foreign(text) {
  return element("bdi", {}, String(text));
}

// ------------------------------------------------------------------ times and sizes in words

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
  return element("time", { datetime: iso, title: exactTime(iso) }, relativeTime(iso));
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

// ------------------------------------------------------------------ JSON as it was sent, on lines of its own

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
  const newLine = () => `\n${"  ".repeat(Math.min(depth, DEEPEST_INDENT))}`;
  const tokens = text.match(JSON_TOKEN);
  for (let at = 0; at < tokens.length; at++) {
    const [token, next] = [tokens[at], tokens[at + 1]];
    if (token === "{" || token === "[") {
      depth++;
      yield [next === "}" || next === "]" ? token : token + newLine()];
    } else if (token === "}" || token === "]") {
      depth--;
      yield ["{[".includes(tokens[at - 1]) ? token : newLine() + token];
    } else if (token === ",") yield [token + newLine()];
    else if (token === ":") yield [": "];
    else yield [token, next === ":" ? "key" : token[0] === '"' ? "string" : "literal"];
  }
}

function laidOut(text) {
  if (!isJson(text)) return [text];
  const parts = [...layOut(text)];
  if (text.length > COLOURED_CHARACTERS) return [parts.map(([part]) => part).join("")];
  return parts.map(([part, kind]) => (kind ? element("span", { class: kind }, part) : part));
}

// ------------------------------------------------------------------ the filter, as the address bar holds it

const OUR_PARAMETERS = ["status", "from", "to", "execution", "webhook"];

function isDay(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(text));
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  const [status, from, to] = ["status", "from", "to"].map((name) => query.get(name));
  const days = [from, to].map((day) => (isDay(day) ? day : ""));
  return {
    status: KNOWN_STATUSES.includes(status) ? status : "",
    ...inOrder(...days),
    execution: query.get("execution") ?? "",
    webhook: query.get("webhook") ?? "",
  };
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
  const query = { limit: PAGE_SIZE };
  if (status) query.status = status;
  if (from) query.from = startOfDay(from);
  if (to) query.to = startOfDay(to, 1);
  return query;
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

// ------------------------------------------------------------------ the API

/** The API answered, and said no. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** No answer came, or none that the API gives. */
class Unreachable extends Error {}

async function get(url, token, signal) {
  const response = await fetch(url, {
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer?.error?.message ?? `The API answered ${response.status}.`);
  return answer;
}

/** As `get`, with whatever goes wrong on the way as Unreachable; an abort of ours stays one. */
async function ask(url, token, signal) {
  try {
    return await get(url, token, signal);
  } catch (error) {
    if (error instanceof Refused || signal.aborted) throw error;
    throw new Unreachable(error.message);
  }
}

// ------------------------------------------------------------------ what to say when there is no list

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
const NOT_KEPT = { title: "No longer kept", text: "This execution has expired, or was never one of this webhook." };

function problem(error) {
  if (error instanceof Unreachable) {
    return { title: "The API cannot be reached", text: "Check your connection, then try again.", kind: "failure" };
  }
  if (error.status === 401) return { ...EXPIRED, kind: "failure" };
  if (error.status === 403) return { title: "No permission", text: `${sentence(error.message)} Ask for access.` };
  return { title: "That did not work", text: sentence(error.message), kind: "failure" };
}

function sentence(text) {
  const trimmed = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function notice({ title, text, kind = "plain" }, ...more) {
  return element("div", { class: `notice ${kind}` }, element("h3", {}, title), element("p", {}, text), ...more);
}

function firstMessage(webhook) {
  const message = {
    webhook_id: webhook,
    url: "https://example.com/webhooks",
    event_type: "order.created",
    payload: { order: 1042 },
  };
  const quoted = JSON.stringify(message, null, 2).replaceAll("'", "'\\''");
  return `aws sqs send-message --queue-url "$QUEUE_URL" --message-group-id '${webhook}' \\\n  --message-body '${quoted}'`;
}

function nothingYet(webhook) {
  const command = firstMessage(webhook);
  return notice(
    { title: "Nothing sent yet", text: "Put the first message for this webhook on the queue; it then shows up here." },
    block("Command", [command], command),
  );
}

function skeleton(lines) {
  const bar = () => element("div", { class: "bar" });
  return element("div", { class: "skeleton", "aria-hidden": "true" }, ...Array.from({ length: lines }, bar));
}

// ------------------------------------------------------------------ the list

function badge(execution) {
  const unreached = execution.result === 0;
  const kind = execution.success ? "success" : unreached ? "unreached" : "failure";
  return element("span", { class: `badge ${kind}` }, unreached ? "0 not reached" : String(execution.result));
}

function attempt(execution) {
  return execution.trigger === "event" ? `${execution.attempt}` : `${execution.attempt} · ${execution.trigger}`;
}

function cell(kind, label, ...children) {
  return element("td", { role: "cell", class: kind, "data-label": label }, ...children);
}

function row(execution, view) {
  const event = execution.event_type ?? "–";
  const name = `View ${event}, ${execution.result}, ${exactTime(execution.executed_at)}`;
  return element(
    "tr",
    { role: "row" },
    cell("time", "Time", relativeTimeElement(execution.executed_at)),
    cell("result", "Result", badge(execution)),
    cell("event", "Event", foreign(event)),
    cell("attempt", "Attempt", foreign(attempt(execution))),
    cell("duration", "Duration", duration(execution.duration_ms)),
    cell("open", "View", button("View", () => view(execution.execution_id), { class: "view", "aria-label": name })),
  );
}

function table(body) {
  const headings = COLUMNS.map((name) =>
    element("th", { role: "columnheader", scope: "col", class: name.toLowerCase() }, name),
  );
  const head = element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...headings));
  return element("table", { role: "table", "aria-label": "Executions, newest first" }, head, body);
}

function choice(value, text, chosen) {
  const radio = element("input", { type: "radio", name: "status", value, checked: value === chosen });
  return element("label", {}, radio, element("span", {}, text));
}

function dayField(name, text, value) {
  return element("label", { class: "day" }, text, element("input", { type: "date", name, value }));
}

function filterForm(filter, change, refresh) {
  return element(
    "form",
    { class: "filter", "aria-label": "Filter", change, submit: (event) => event.preventDefault() },
    element(
      "fieldset",
      { class: "choices" },
      element("legend", { class: "unseen" }, "Result"),
      choice("", "All", filter.status),
      choice("success", "Succeeded", filter.status),
      choice("failure", "Failed", filter.status),
    ),
    dayField("from", "From", filter.from),
    dayField("to", "To", filter.to),
    button("Refresh", refresh, { class: "refresh" }),
  );
}

// ------------------------------------------------------------------ one execution

function copyButton(what, text) {
  const copy = async (event) => {
    const pressed = event.currentTarget;
    const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    pressed.textContent = copied ? "Copied" : "Copying is not allowed here";
    setTimeout(() => (pressed.textContent = "Copy"), 2000);
  };
  return button("Copy", copy, { class: "copy", "aria-label": `Copy ${what}`, "aria-live": "polite" });
}

function block(title, content, copied, ...remarks) {
  const heading = element("div", { class: "block-head" }, element("h3", {}, title), copyButton(title, copied));
  const text = element("pre", { tabindex: "0", role: "group", "aria-label": title }, ...content);
  return element("section", { class: "block" }, heading, ...remarks, text);
}

function remark(text) {
  return element("p", { class: "remark" }, text);
}

function headerBlock(title, headers) {
  const lines = Object.entries(headers);
  const content = lines.flatMap(([name, value]) => [element("span", { class: "key" }, name), `: ${value}\n`]);
  return block(title, content, lines.map(([name, value]) => `${name}: ${value}\n`).join(""));
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
  if (!body) return block(title, [element("span", { class: "muted" }, "empty")], "", ...remarks);
  return block(title, encoding ? [body] : laidOut(body), body, ...remarks);
}

function* facts(execution) {
  yield ["Result", badge(execution)];
  if (!execution.success) yield ["Hard Error", execution.hard_error ? "yes" : "no"];
  if (execution.error) {
    yield ["Error", element("code", {}, foreign(execution.error.type)), "wide"];
    yield ["Error Message", foreign(execution.error.message), "wide"];
  }
  yield ["Attempt", foreign(attempt(execution))];
  yield ["Duration", duration(execution.duration_ms)];
  yield ["Executed at", exactTime(execution.executed_at), "wide"];
  if (execution.url) yield ["Sent to", foreign(`${execution.method} ${execution.url}`), "wide"];
  yield ["Message id", foreign(execution.message_id), "wide"];
  yield ["Execution id", foreign(execution.execution_id), "wide"];
}

function factList(execution) {
  const shown = [...facts(execution)].map(([name, value, width]) =>
    element("div", { class: width }, element("dt", {}, name), element("dd", {}, value)),
  );
  return element("dl", { class: "facts" }, ...shown);
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

function details(execution) {
  const shown = [...blocks(execution)];
  if (shown.length === 0) {
    const kept = "Headers and bodies are kept for failed executions only.";
    const gone = `The headers and bodies of this execution ${execution.erased ? "were erased" : "are no longer kept"}.`;
    shown.push(remark(execution.success && !execution.erased ? kept : gone));
  }
  return [factList(execution), ...shown];
}

// ------------------------------------------------------------------ the component

class WebhookHistory extends HTMLElement {
  static observedAttributes = ["api", "webhook", "token"];

  #token = null;
  #renewToken = null;
  #filter = readAddress();
  #cursor = null;
  #asking = new AbortController();
  #viewing = new AbortController();
  #clock = null;

  #rows = element("tbody", { role: "rowgroup" });
  #table = table(this.#rows);
  #state = element("div", { class: "state" });
  #more = button("Load more", () => this.#loadMore(), { class: "more" });
  #said = element("p", { class: "said", role: "status" });
  #title = element("h2", { class: "webhook" });
  #toolbar = element("div", { class: "toolbar" });
  #dialog = element("dialog", { "aria-labelledby": "viewed", close: () => this.#closed() });

  constructor() {
    super();
    const sheet = element("link", { rel: "stylesheet", href: STYLESHEET });
    const whole = element("div", { class: "history", hidden: true });
    whole.append(this.#toolbar, this.#table, this.#state, this.#more, this.#said, this.#dialog);
    for (const event of ["load", "error"]) sheet.addEventListener(event, () => (whole.hidden = false));
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.attachShadow({ mode: "open" }).append(sheet, whole);
  }

  /** Gives a token, or a promise of one; called when there is none yet, or the one there was has expired. */
  get renewToken() {
    return this.#renewToken;
  }

  set renewToken(renew) {
    this.#renewToken = renew;
    if (this.#clock && !this.#token) this.#start();
  }

  connectedCallback() {
    this.#adoptEarlyProperty("renewToken");
    addEventListener("hashchange", this.#addressChanged);
    this.#clock = setInterval(() => this.#tick(), CLOCK_MS);
    this.#start();
  }

  disconnectedCallback() {
    removeEventListener("hashchange", this.#addressChanged);
    clearInterval(this.#clock);
    this.#clock = null;
    this.#asking.abort();
    this.#viewing.abort();
  }

  attributeChangedCallback(name, before, after) {
    if (this.#clock && before !== after) this.#start();
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
    const own = this.getAttribute("token");
    this.#token = own || (this.#renewToken ? this.#token : takeTokenFromAddress());
    this.#filter = readAddress();
    this.#title.replaceChildren(foreign(this.#webhook));
    this.#toolbar.replaceChildren(this.#title, filterForm(this.#filter, this.#filterChanged, () => this.#load()));
    this.#load();
    if (this.#filter.execution && this.#ready) this.#view(this.#filter.execution);
  }

  get #webhook() {
    return this.getAttribute("webhook") || this.#filter.webhook;
  }

  get #ready() {
    return Boolean((this.#token || this.#renewToken) && this.#webhook);
  }

  #executionsUrl(path = "") {
    const api = new URL(this.getAttribute("api") ?? ".", document.baseURI).href.replace(/\/$/, "");
    return `${api}/webhooks/${encodeURIComponent(this.#webhook)}/executions${path}`;
  }

  /** Ask the API, with a renewed token where there is none or it has expired. */
  async #ask(url, signal) {
    if (!this.#token) await this.#renew();
    try {
      return await ask(url, this.#token, signal);
    } catch (error) {
      if (error.status !== 401 || !this.#renewToken) throw error;
      await this.#renew();
      return ask(url, this.#token, signal);
    }
  }

  async #renew() {
    try {
      this.#token = await this.#renewToken();
    } catch (error) {
      throw new Refused(401, error?.message ?? "");
    }
  }

  // ---------------------------------------------------------------- the list

  #filterChanged = (event) => {
    const given = Object.fromEntries(new FormData(event.currentTarget));
    const filter = { status: given.status, ...inOrder(given.from, given.to) };
    event.currentTarget.elements.from.value = filter.from;
    event.currentTarget.elements.to.value = filter.to;
    this.#filter = { ...this.#filter, ...filter };
    writeAddress(filter);
    this.#load();
  };

  #showAll = () => {
    writeAddress({ status: "", from: "", to: "" });
    this.#start();
    this.#toolbar.querySelector("input").focus();
  };

  /** The newest page, in place of what is shown. */
  #load() {
    this.#cursor = null;
    this.#rows.replaceChildren();
    this.#table.hidden = true;
    this.#more.hidden = true;
    this.#toolbar.hidden = !this.#ready;
    if (!this.#ready) return this.#showState(notice(this.#webhook ? NO_TOKEN : NO_WEBHOOK));
    this.#showState(skeleton(6));
    return this.#loadPage();
  }

  #loadMore() {
    if (this.#more.getAttribute("aria-disabled") === "true") return;
    this.#more.setAttribute("aria-disabled", "true");
    this.#more.textContent = "Loading…";
    this.#loadPage();
  }

  async #loadPage() {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    this.#say("Loading executions…");
    try {
      const found = await this.#nextExecutions(signal);
      if (!signal.aborted) this.#show(found);
    } catch (error) {
      if (!signal.aborted) this.#showProblem(error);
    }
  }

  /** A page may be empty although there are more behind it: then the next one is asked for. */
  async #nextExecutions(signal) {
    const query = new URLSearchParams(queryOf(this.#filter));
    do {
      if (this.#cursor) query.set("cursor", this.#cursor);
      const page = await this.#ask(`${this.#executionsUrl()}?${query}`, signal);
      this.#cursor = page.next_cursor;
      if (page.executions.length || !this.#cursor) return page.executions;
    } while (!signal.aborted);
    return [];
  }

  #show(found) {
    const rows = found.map((execution) => row(execution, (id) => this.#view(id)));
    const wasOnMore = this.shadowRoot.activeElement === this.#more;
    this.#rows.append(...rows);
    this.#offerMore(Boolean(this.#cursor));
    if (wasOnMore && !this.#cursor) (rows[0] ?? this.#rows.lastElementChild)?.querySelector("button").focus();
    this.#table.hidden = this.#rows.childElementCount === 0;
    this.#showState(...(this.#table.hidden ? [this.#nothing()] : []));
    this.#sayCount();
  }

  #sayCount() {
    const count = this.#rows.childElementCount;
    const executions = count === 1 ? "1 execution" : `${count} executions`;
    if (count) this.#say(this.#cursor ? `${executions}, and there are older ones` : executions);
    else this.#say("No executions");
  }

  #offerMore(more) {
    this.#more.hidden = !more;
    this.#more.removeAttribute("aria-disabled");
    this.#more.textContent = "Load more";
  }

  #nothing() {
    const { status, from, to } = this.#filter;
    if (!status && !from && !to) return nothingYet(this.#webhook);
    return notice(NOTHING_MATCHES, button("Show all", this.#showAll));
  }

  /** What is listed already stays; trying again goes on behind it. */
  #showProblem(error) {
    this.#offerMore(false);
    const shown = problem(error);
    const again = () => {
      this.#showState(skeleton(3));
      this.#loadPage();
    };
    this.#showState(notice(shown, button("Try again", again)));
    this.#say(shown.title);
  }

  #showState(...children) {
    this.#state.replaceChildren(...children);
    this.#state.hidden = children.length === 0;
  }

  #say(text) {
    this.#said.textContent = text;
  }

  #tick() {
    for (const time of this.#rows.querySelectorAll("time")) time.textContent = relativeTime(time.dateTime);
  }

  // ---------------------------------------------------------------- one execution

  async #view(id) {
    this.#viewing.abort();
    const { signal } = (this.#viewing = new AbortController());
    writeAddress({ execution: id });
    this.#showInDialog("Execution", skeleton(5));
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const execution = await this.#ask(this.#executionsUrl(`/${encodeURIComponent(id)}`), signal);
      this.#showInDialog(execution.event_type ?? "Execution", ...details(execution));
    } catch (error) {
      if (!signal.aborted) this.#showInDialog("Execution", this.#viewProblem(error, id));
    }
  }

  #viewProblem(error, id) {
    if (error.status === 404) return notice(NOT_KEPT);
    return notice(problem(error), button("Try again", () => this.#view(id)));
  }

  #showInDialog(title, ...children) {
    const close = button("Close", () => this.#dialog.close(), { class: "close" });
    const head = element("header", {}, element("h2", { id: "viewed" }, foreign(title)), close);
    this.#dialog.replaceChildren(head, element("div", { class: "details", "aria-live": "polite" }, ...children));
    if (this.#dialog.open) close.focus();
  }

  #closed() {
    this.#viewing.abort();
    this.#dialog.replaceChildren();
    writeAddress({ execution: "" });
  }
}

customElements.define("webhook-history", WebhookHistory);
