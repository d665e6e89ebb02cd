/**
 * <webhook-history api="https://…/v1" webhook="acme.orders" token="…">: each call of a webhook, and the webhooks.
 * The token comes from the attribute, from `renewToken` (a function that gives one, or a promise of one), or from the
 * page's address: #token=…&webhook=…. Whatever others wrote becomes text in the page, never HTML.
 */

const FIRST_PAGE = 50;
const LATER_PAGES = 200;
// more than these at once, and the list begins anew
const MOST_NEW_PAGES = 5;
// an execution is logged when it ends, up to this long after it began
const LATE_MS = 35_000;
const TIMEOUT_MS = 30_000;
const CLOCK_MS = 15_000;
const LIVE_MS = 3_000;
// between looks for an attempt that is due
const CHAIN_MS = 1_500;
// the same, once it is a minute late
const SLOW_CHAIN_MS = 30_000;
const COLOURED_CHARACTERS = 50_000;
// a longer body begins with its inner parts folded
const UNFOLDED_LINES = 60;
const DEEPEST_FOLD = 20;
const MOST_BARS = 48;
const KEPT_TOKEN = "hooklog.token";

const RESEND = "executions:resend";
const MANAGE = "webhooks:manage";
const TYPING_MS = 400;

// ---- building the page

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

function button(text, click, look, more) {
	return h("button", { type: "button", class: look, click, ...more }, text);
}

const toggle = (attributes) => h("input", { type: "checkbox", role: "switch", ...attributes });
const foreign = (text) => h("bdi", String(text));

const stay = (event) => event.preventDefault();

function say(from, text) {
	from.dispatchEvent(new CustomEvent("said", { bubbles: true, detail: text }));
}

function liveRegion(heard, look) {
	const region = h(`p.${look}`, { role: "status" });
	heard.addEventListener("said", (event) => {
		event.stopPropagation();
		if (region.textContent !== event.detail) region.textContent = event.detail;
	});
	return region;
}

// ---- times and sizes in words

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7]];

function relativeTime(iso) {
	let distance = (Date.parse(iso) - Date.now()) / 1000;
	if (Math.abs(distance) < 10) return "just now";
	for (const [unit, most] of STEPS) {
		if (Math.abs(distance) < most) return RELATIVE.format(Math.round(distance), unit);
		distance /= most;
	}
	return MOMENT.format(Date.parse(iso));
}

const exact = (iso) => EXACT.format(Date.parse(iso));
const timeElement = (iso) => h("time", { datetime: iso, title: exact(iso) }, relativeTime(iso));

function span(ms) {
	const seconds = Math.round(ms / 1000);
	const units = [["d", 86_400, 365], ["h", 3600, 24], ["min", 60, 60], ["s", 1, 60]];
	const parts = units.map(([unit, of, most]) => [Math.floor(seconds / of) % most, unit]);
	const first = parts.findIndex(([count]) => count > 0);
	return first < 0 ? "0 s" : parts.slice(first, first + 2).map((part) => part.join(" ")).join(" ");
}

const scaled = (number, by, unit, digits = 1) => `${(number / by).toFixed(digits)} ${unit}`;

function duration(ms) {
	return ms < 1000 ? `${ms} ms` : scaled(ms, 1000, "s", ms < 10_000 ? 1 : 0);
}

function size(bytes) {
	return bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? scaled(bytes, 1000, "kB") : scaled(bytes, 1e6, "MB");
}

function startOfDay(day, daysLater = 0) {
	const [year, month, date] = day.split("-").map(Number);
	return new Date(year, month - 1, date + daysLater).toISOString();
}

// ---- JSON as it was sent, on lines of its own

function isJson(text) {
	try {
		return typeof JSON.parse(text) === "object";
	} catch {
		return false;
	}
}

function* layOut(text) {
	let depth = 0;
	const newLine = () => `\n${"  ".repeat(Math.min(depth, DEEPEST_FOLD))}`;
	const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
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
const OUR_PARAMETERS = [...FILTER, "execution", "webhook", "view", "edit"];

function readAddress() {
	const query = new URLSearchParams(location.search);
	const given = Object.fromEntries(OUR_PARAMETERS.map((name) => [name, query.get(name) ?? ""]));
	const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
	const [from, to] = [given.from, given.to].map((day) => (isDay(day) ? day : ""));
	return { ...given, status: ["success", "failure"].includes(given.status) ? given.status : "", ...inOrder(from, to) };
}

const inOrder = (from, to) => from && to && from > to ? { from: to, to: from } : { from, to };

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

function matches(execution, filter) {
	const { status, from = "", to = "~" } = queryOf(filter);
	const at = execution.executed_at;
	return (!status || execution.success === (status === "success")) && from <= at && at < to;
}

function takeTokenFromAddress() {
	const fragment = new URLSearchParams(location.hash.slice(1));
	const [token, webhook] = [fragment.get("token"), fragment.get("webhook")];
	if (!token) return sessionStorage.getItem(KEPT_TOKEN);
	sessionStorage.setItem(KEPT_TOKEN, token);
	history.replaceState(history.state, "", location.pathname + location.search);
	if (webhook) writeAddress({ webhook });
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

/** The ids in it cannot leave their places. */
const path = (texts, ...ids) => String.raw({ raw: texts }, ...ids.map(encodeURIComponent));

class Api {
	base = "";
	webhook = "";
	token = null;
	renewToken = null;
	renewed = () => {};

	get ready() {
		return (this.token || this.renewToken) && this.webhook;
	}

	allows(scope) {
		return scopesOf(this.token).includes(scope);
	}

	get executions() {
		return path`/webhooks/${this.webhook}/executions`;
	}

	async message(id, signal) {
		const { executions } = await this.ask("GET", path`/messages/${id}/executions`, signal);
		return executions.filter((execution) => execution.webhook_id === this.webhook);
	}

	async ask(...request) {
		if (!this.token) await this.#renew();
		try {
			return await this.#exchange(...request);
		} catch (error) {
			if (error.status !== 401 || !this.renewToken) throw error;
			await this.#renew();
			return this.#exchange(...request);
		}
	}

	async #exchange(method, at, signal, body) {
		try {
			const response = await fetch(this.base + at, {
				method,
				headers: { Authorization: `Bearer ${this.token}`, ...(body && { "Content-Type": "application/json" }) },
				body: body && JSON.stringify(body),
				signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
				cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
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
			this.renewed();
		} catch (error) {
			throw new Refused(401, error?.message ?? "");
		}
	}
}

// ---- what to say when there is no list

const NOTHING_MATCHES = ["Nothing matches", "No execution of this webhook matches the filter."];
const NO_SUCH_MESSAGE = ["Nothing matches", "This webhook has no execution of that message. Is its id whole?"];

/** Title, text, look. */
function problem(error, scope = "executions:read") {
	const failure = (title, text) => [title, text, "failure"];
	if (error instanceof Unreachable) return failure("The API cannot be reached", "Check your connection, then try again.");
	if (error.status === 401)
		return failure("Your access has expired", "Open the history again from where you came, with a new token, or try again.");
	const said = sentence(error.message);
	if (error.status === 403) return ["No permission", `${said} Ask for one for this webhook with the scope ${scope}.`];
	return failure(error.status === 429 ? "Too many requests" : "That did not work", said);
}

function sentence(text) {
	const trimmed = text.charAt(0).toUpperCase() + text.slice(1);
	return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

function notice([title, text, look = ""], ...more) {
	return h("div", { class: `notice ${look}` }, h("h3", title), h("p", text), ...more);
}

function nothingYet(webhook) {
	const url = "https://example.com/webhooks";
	const message = { webhook_id: webhook, url, event_type: "order.created", payload: { order: 1042 } };
	const send = `aws sqs send-message --queue-url "$QUEUE_URL" --message-group-id ${quoted(webhook)} \\\n  --message-body `;
	const command = send + quoted(JSON.stringify(message, null, 2));
	const text = "Put the first message for this webhook on the queue; it then shows up here.";
	return notice(["Nothing sent yet", text], block("Command", { content: [command] }, command));
}

function skeleton(lines) {
	return h("div.skeleton", ...Array.from({ length: lines }, () => h("div.bar")));
}

// ---- lines of the list

const kindOf = ({ success, result }) => (success ? "success" : result === 0 ? "unreached" : "failure");

function badge(execution) {
	const text = execution.skipped ? "skipped" : execution.result === 0 ? "0 not reached" : String(execution.result);
	return h("span", { class: `badge ${kindOf(execution)}` }, text);
}

const attempt = ({ attempt, trigger }) => (trigger === "event" ? `${attempt}` : `${attempt} · ${trigger}`);

function nextAttempt({ next_attempt_at: next, exhausted }) {
	return next ? timeElement(next) : exhausted ? "none" : "–";
}

const cell = (kind, ...children) => h("td", { role: "cell", class: kind }, ...children);

function row(execution, view) {
	const { event_type: event = "–", executed_at: at, execution_id: id } = execution;
	const name = `View ${event}, ${execution.result}, ${exact(at)}`;
	return h("tr", { role: "row" },
		cell("time", timeElement(at)),
		cell("result", badge(execution)),
		cell("event", foreign(event), h("bdi.id", execution.message_id)),
		cell("attempt", foreign(attempt(execution))),
		cell("duration", duration(execution.duration_ms)),
		cell("next", nextAttempt(execution)),
		cell("open", button("View", () => view(id), "view", { "aria-label": name })),
	);
}

function table(body) {
	const headings = ["Time", "Result", "Event", "Attempt", "Duration", "Next attempt", "View"].map((name) =>
		h("th", { role: "columnheader", scope: "col", class: name.toLowerCase().split(" ")[0] }, name),
	);
	const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...headings));
	return h("table", { role: "table", "aria-label": "Executions, newest first" }, head, body);
}

function choices(legend, name, chosen, ...given) {
	const choice = ([value, text]) =>
		h("label", h("input", { type: "radio", name, value, checked: value === chosen }), h("span", text));
	return h("fieldset.choices", h("legend.unseen", legend), ...given.map(choice));
}

function field(name, text, value, attributes) {
	return h("label", { class: `field ${name}` }, text, h("input", { name, value, ...attributes }));
}

function filterForm(filter, change) {
	return h("form.filter", { "aria-label": "Filter", change, search: change, submit: stay },
		choices("Result", "status", filter.status, ["", "All"], ["success", "Succeeded"], ["failure", "Failed"]),
		field("from", "From", filter.from, { type: "date" }),
		field("to", "To", filter.to, { type: "date" }),
		field("message", "Message id", filter.message, { type: "search", spellcheck: "false", autocomplete: "off" }),
	);
}

// ---- the strip: when it broke

const BAR_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400, 604_800, 2_592_000];

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

const counts = ({ succeeded, failed }) => `${succeeded} succeeded, ${failed} failed`;

function bar(counted, most) {
	const parts = ["succeeded", "failed"].map((kind) => {
		const part = h("i", { class: kind, hidden: counted[kind] === 0 });
		part.style.height = `${(100 * counted[kind]) / most}%`;
		return part;
	});
	const title = `${MOMENT.formatRange(counted.from, counted.to)}: ${counts(counted)}`;
	return h("span", { title }, ...parts);
}

function strip(executions) {
	const bars = countedByTime(executions);
	const most = Math.max(...bars.map(({ succeeded, failed }) => succeeded + failed));
	const failing = bars.filter(({ failed }) => failed);
	const failures = failing.slice(-5).map(({ from, failed }) => `${failed} at ${MOMENT.format(from)}`).join("; ");
	const name = `Over time: ${failures ? `failures, ${failures}` : "no failures"}`;
	const failed = executions.filter(({ success }) => !success).length;
	const edge = (execution) => h("span", MOMENT.format(Date.parse(execution.executed_at)));
	return [
		h("div.bars", { role: "img", "aria-label": name }, ...bars.map((counted) => bar(counted, most))),
		h("p.scale",
			edge(executions.at(-1)),
			h("span", { class: failed > 0 && "failing" }, counts({ succeeded: executions.length - failed, failed })),
			edge(executions[0]),
		),
	];
}

// ---- parts of one execution

function copyButton(what, text, look = "copy") {
	const copy = async ({ currentTarget: pressed }) => {
		const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
		const label = pressed.textContent;
		const show = (text, done) => {
			pressed.textContent = text;
			pressed.disabled = done;
			pressed.classList.toggle("copied", done && copied);
		};
		show(copied ? "Copied" : "Not allowed here", true);
		say(pressed, copied ? `Copied ${what}` : "Not allowed here");
		setTimeout(show, 1500, label, false);
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

const remark = (text) => h("p.remark", text);

function headerBlock(title, headers) {
	const lines = Object.entries(headers);
	const content = lines.flatMap(([name, value]) => [h("span.key", name), `: ${value}\n`]);
	return block(title, { content }, headerLines(headers));
}

function bodyBlock(title, body, encoding, truncated, bytes) {
	const remarks = [];
	const binary = encoding === "base64";
	if (binary) remarks.push("Not UTF-8 text: shown as base64.");
	if (truncated) {
		const kept = size(binary ? atob(body).length : new TextEncoder().encode(body).length);
		remarks.push(`Truncated: only the first ${kept}${bytes == null ? "" : ` of ${size(bytes)}`} were kept.`);
	}
	const shown = !body ? { content: [h("span.muted", "empty")] } : encoding ? { content: [body] } : laidOut(body);
	return block(title, shown, body, ...remarks.map(remark));
}

function* facts(execution) {
	const { error, url, executed_at: at } = execution;
	yield ["Result", badge(execution), execution.result];
	if (!execution.success) yield ["Hard Error", ...Array(2).fill(execution.hard_error ? "yes" : "no")];
	yield ["Attempt", foreign(attempt(execution))];
	yield ["Duration", duration(execution.duration_ms)];
	const wide = (name, copied, shown = foreign(copied)) => [name, shown, copied, "wide"];
	if (error) {
		yield wide("Error", error.type, h("code", foreign(error.type)));
		yield wide("Error Message", error.message);
	}
	yield wide("Executed at", at, exact(at));
	if (url) yield wide("Sent to", url, foreign(`${execution.method} ${url}`));
	yield wide("Message id", execution.message_id);
	yield wide("Execution id", execution.execution_id);
}

function factList(execution) {
	const shown = [...facts(execution)].map(([name, value, copied, width]) => {
		const copy = copied == null ? [] : [copyButton(name, String(copied), "icon")];
		return h("div", { class: width }, h("dt", name), h("dd", h("span", value), ...copy));
	});
	return h("dl.facts", ...shown);
}

function* details(execution) {
	const { request_headers: headers, request_body: sent, response_body: answered } = execution;
	if (headers) yield headerBlock("Headers", headers);
	if (sent != null) yield bodyBlock("Request Body", sent, execution.request_body_encoding);
	if (answered != null) {
		const { response_body_encoding: encoding, response_body_truncated: truncated, response_body_bytes: bytes } = execution;
		yield bodyBlock("Response Body", answered, encoding, truncated, bytes);
	}
	if (execution.response_headers) yield headerBlock("Response Headers", execution.response_headers);
	if (headers || sent != null) return;
	if (execution.success && !execution.erased) yield remark("Headers and bodies are kept for failed executions only.");
	else yield remark(`The headers and bodies of this execution ${execution.erased ? "were erased" : "are no longer kept"}.`);
}

const quoted = (text) => /^\w[\w.:/-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;


function curl({ url, method, request_headers: headers = {}, request_body: body, request_body_encoding: encoding }) {
	const curls = ["host", "content-length", "accept-encoding", "connection"];
	const own = Object.entries(headers).filter(([name]) => !curls.includes(name.toLowerCase()));
	const binary = encoding === "base64";
	const lines = [
		`${binary ? `printf %s ${quoted(body)} | base64 -d | ` : ""}curl --globoff -X ${quoted(method)} ${quoted(url)}`,
		...own.map(([name, value]) => `-H ${quoted(value === "" ? `${name};` : `${name}: ${value}`)}`),
	];
	if (body != null) lines.push(binary ? "--data-binary @-" : `--data-raw ${quoted(body)}`);
	return lines.join(" \\\n  ");
}

// ---- the attempts of a message

function dueAt(chain) {
	const last = chain.at(-1);
	return last && !last.success && last.next_attempt_at ? Date.parse(last.next_attempt_at) : null;
}

function outcome([first, ...later]) {
	if (first.success) return "Delivered at the first attempt.";
	const last = later.at(-1) ?? first;
	const delivered = later.find(({ success }) => success);
	if (delivered) {
		const after = span(Date.parse(delivered.executed_at) - Date.parse(first.executed_at));
		return `Delivered at attempt ${delivered.attempt}, ${after} after the first.`;
	}
	if (dueAt([last]) !== null) return "Not delivered so far.";
	return last.exhausted ? "Not delivered, and nothing more is sent by itself." : "Not delivered.";
}

function attemptItem(execution, shown, view) {
	const name = `Attempt ${execution.attempt}`;
	const current = execution.execution_id === shown;
	const title = current ? h("b", name) : button(name, () => view(execution.execution_id), "link");
	const trigger = execution.trigger === "event" ? [] : [h("span.muted", foreign(execution.trigger))];
	const state = { class: kindOf(execution), "aria-current": current && "true" };
	return h("li", state, title, badge(execution), ...trigger, timeElement(execution.executed_at));
}

function timeline(chain, shown, view) {
	const items = chain.map((execution) => attemptItem(execution, shown, view));
	if (dueAt(chain) !== null) {
		const timer = h("span", { role: "timer", title: exact(chain.at(-1).next_attempt_at) });
		items.push(h("li", `Attempt ${chain.at(-1).attempt + 1}`, timer));
	}
	return [h("h3", "Attempts"), h("p", outcome(chain)), h("ol", ...items)];
}

// ---- lists

/** What comes page by page: its state and the way to more. Who extends it says how to get and to show a page. */
class Pages {
	element = h("section");
	loading = new AbortController();
	busy = false;
	cursor = null;

	said = liveRegion(this.element, "said");
	state = h("div.state");
	#more = button("Load more", () => this.#loadMore(), "more");

	constructor(api) {
		this.api = api;
	}

	begin(...parts) {
		this.element.append(...parts, this.state, this.#more, this.said);
	}

	stop() {
		this.loading.abort();
	}

	load() {
		this.loading.abort();
		this.loading = new AbortController();
		this.cursor = null;
		this.offerMore(false);
		this.showState(skeleton(6));
		return this.loadPage();
	}

	#loadMore() {
		if (this.busy) return;
		this.#more.setAttribute("aria-disabled", "true");
		this.#more.textContent = "Loading…";
		this.loadPage();
	}

	async loadPage() {
		const { signal } = this.loading;
		this.busy = true;
		say(this.said, `Loading ${this.what}…`);
		try {
			const found = await this.older(signal);
			if (!signal.aborted) this.show(found, this.element.getRootNode().activeElement === this.#more);
		} catch (error) {
			if (!signal.aborted) this.showProblem(error, () => this.loadPage());
		} finally {
			if (!signal.aborted) this.busy = false;
		}
	}

	offerMore(more) {
		this.#more.hidden = !more;
		this.#more.removeAttribute("aria-disabled");
		this.#more.textContent = "Load more";
	}

	// What is listed already stays; trying again goes on behind it.
	showProblem(error, tryAgain, verb = "Try again") {
		this.offerMore(false);
		const shown = problem(error, this.scope);
		const again = () => {
			this.showState(skeleton(3));
			tryAgain();
		};
		this.showState(notice(shown, button(verb, again)));
		say(this.said, shown[0]);
	}

	sayCount(count, what, more) {
		say(this.said, `${count || "No"} ${what}${count === 1 ? "" : "s"}${more || ""}`);
	}

	showState(...children) {
		this.state.replaceChildren(...children);
		this.state.hidden = !children.length;
	}

}

class ExecutionList extends Pages {
	what = "executions";

	#view;
	#filter = readAddress();
	#executions = [];
	#timer = null;
	#title = h("h2.webhook");
	#live = toggle({ change: () => this.#addNew().then(this.#goOn) });
	#toolbar = h("div");
	#strip = h("div");
	#rows = h("tbody", { role: "rowgroup" });
	#table = table(this.#rows);

	constructor(api, view) {
		super(api);
		this.#view = view;
		this.begin(this.#toolbar, this.#strip, this.#table);
	}

	start() {
		this.#filter = readAddress();
		this.#title.replaceChildren(foreign(this.api.webhook));
		const live = h("label.live", this.#live, "Live");
		const head = h("div.head", this.#title, live, button("Refresh", () => this.refresh()));
		this.#toolbar.replaceChildren(head, filterForm(this.#filter, this.#filterChanged));
		this.load();
		this.#goOn();
	}

	stop() {
		super.stop();
		clearTimeout(this.#timer);
	}

	tick() {
		for (const time of this.#rows.querySelectorAll("time")) {
			const text = relativeTime(time.dateTime);
			if (time.textContent !== text) time.textContent = text;
		}
	}

	refresh() {
		return this.#executions.length && this.state.hidden ? this.#addNew() : this.load();
	}

	#filterChanged = (event) => {
		const { status, from, to, message } = event.currentTarget.elements;
		const given = { status: status.value, ...inOrder(from.value, to.value), message: message.value.trim() };
		from.value = given.from;
		to.value = given.to;
		if (FILTER.every((name) => this.#filter[name] === given[name])) return;
		this.#filter = given;
		writeAddress(given);
		this.load();
	};

	#showAll = () => {
		writeAddress(NO_FILTER);
		this.start();
		this.#toolbar.querySelector("form input").focus();
	};

	load() {
		this.#executions = [];
		this.#rows.replaceChildren();
		this.#arrange();
		this.#toolbar.hidden = !this.api.ready;
		if (this.api.ready) return super.load();
		this.stop();
		this.offerMore();
		this.showState(notice(this.api.webhook
			? ["A token is needed", "Open this page with #token=<token>&webhook=<webhook id> at the end of its address."]
			: ["Which webhook?", "Add ?webhook=<webhook id> to the address of this page."]));
	}

	/** A page may be empty although there are more behind it: then the next one is asked for. */
	async older(signal) {
		if (this.#filter.message) return this.#ofMessage(signal);
		const limit = this.#executions.length ? LATER_PAGES : FIRST_PAGE;
		do {
			const page = await this.#page({ limit, ...(this.cursor && { cursor: this.cursor }) }, signal);
			this.cursor = page.next_cursor;
			if (page.executions.length || !this.cursor) return page.executions;
		} while (!signal.aborted);
		return [];
	}

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
		return this.api.ask("GET", `${this.api.executions}?${parameters}`, signal);
	}

	async #ofMessage(signal) {
		const chain = await this.api.message(this.#filter.message, signal);
		return chain.filter((execution) => matches(execution, this.#filter)).reverse();
	}

	#goOn = () => {
		clearTimeout(this.#timer);
		if (!this.#live.checked || !this.element.isConnected) return;
		this.#timer = setTimeout(() => (document.hidden ? this.#goOn() : this.#addNew().then(this.#goOn)), LIVE_MS);
	};

	async #addNew() {
		const { signal } = this.loading;
		if (this.busy || !this.api.ready) return;
		try {
			const found = await (this.#executions.length ? this.#newer(signal) : this.older(signal));
			if (signal.aborted) return;
			if (found === null) await this.load();
			else if (this.#add(found, "fresh").length || !this.state.hidden) this.#settle();
			else this.#count();
		} catch (error) {
			if (signal.aborted) return;
			const passes = error instanceof Unreachable || error.status === 429 || error.status >= 500;
			if (passes && this.#live.checked) return say(this.said, "Live: no answer, trying again…");
			this.#live.checked = false;
			this.showProblem(error, () => this.#addNew());
		}
	}

	show(found, wasOnMore) {
		const rows = this.#add(found);
		this.#settle();
		if (wasOnMore && !this.cursor) (rows[0] ?? this.#rows.lastElementChild)?.querySelector("button").focus();
	}

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
		this.offerMore(this.cursor);
		this.showState(...(this.#executions.length ? [] : [this.#nothing()]));
		this.#count();
	}

	#arrange() {
		this.#table.hidden = !this.#executions.length;
		this.#strip.hidden = this.#executions.length < 2;
		this.#strip.replaceChildren(...(this.#strip.hidden ? [] : strip(this.#executions)));
	}

	#count() {
		this.sayCount(this.#executions.length, "execution", this.cursor && ", and there are older ones");
	}

	#nothing() {
		if (FILTER.every((name) => !this.#filter[name])) return nothingYet(this.api.webhook);
		return notice(this.#filter.message ? NO_SUCH_MESSAGE : NOTHING_MATCHES, button("Show all", this.#showAll));
	}
}

// ---- what opens at the side

class Sheet {
	api;
	viewing = new AbortController();
	panel = h("div.panel", { hidden: true });
	element = h("dialog", {
		"aria-labelledby": "viewed",
		close: () => this.closed(),
		click: (event) => event.target === this.element && this.element.close(),
	});

	#said = liveRegion(this.element, "unseen");

	constructor(api) {
		this.api = api;
	}

	open = async (id) => {
		const { signal } = this.begin();
		writeAddress({ [this.parameter]: id });
		this.render(this.kind, [], skeleton(5));
		try {
			const found = await this.api.ask("GET", this.at(id), signal);
			if (!signal.aborted) this.show(found);
		} catch (error) {
			if (signal.aborted) return;
			const tryAgain = button("Try again", () => this.open(id));
			const shown = error.status === 404 ? [this.gone] : [problem(error, this.scope), tryAgain];
			this.render(this.kind, [], notice(...shown));
		}
	};

	stop() {
		this.viewing.abort();
		this.panel.hidden = true;
	}

	begin() {
		this.stop();
		return (this.viewing = new AbortController());
	}

	closed() {
		this.stop();
		this.element.replaceChildren();
		writeAddress({ [this.parameter]: "" });
	}

	render(title, actions, ...children) {
		const close = button("Close", () => this.element.close(), "close");
		const head = h("header", h("h2", { id: "viewed" }, foreign(title)), close);
		const tools = h("div.actions", ...actions);
		this.element.replaceChildren(head, h("div.details", tools, ...children), this.#said);
		if (!this.element.open) this.element.showModal();
		close.focus();
	}

	asking(text, question, verb, act, look) {
		const ask = () => {
			const asked = h("p", { tabindex: "-1" }, foreign(question));
			const go = (event) => {
				event.currentTarget.disabled = true;
				act();
			};
			const leave = () => {
				this.panel.hidden = true;
				opener.focus();
			};
			this.#say(asked, button(verb, go, "primary"), button("Cancel", leave));
			asked.focus();
		};
		const opener = button(text, ask, look);
		return opener;
	}

	#say(...children) {
		this.panel.replaceChildren(...children);
		this.panel.hidden = false;
	}

	tell(text, ...more) {
		this.#say(h("p", foreign(text)), ...more);
		say(this.panel, text);
	}

	/** What the API answers; undefined where it refuses, which is told, or where nobody waits any more. */
	async attempt(method, at, body) {
		const { signal } = this.viewing;
		try {
			const answer = await this.api.ask(method, at, new AbortController().signal, body);
			return signal.aborted ? undefined : answer;
		} catch (error) {
			if (!signal.aborted) this.refused(error);
		}
	}

	refused(error) {
		this.tell(problem(error).slice(0, 2).join(". "));
	}
}

// ---- one execution

class ExecutionView extends Sheet {
	kind = "Execution";
	parameter = "execution";
	gone = ["No longer kept", "This execution has expired, or was never one of this webhook."];

	#arrived;
	#execution = null;
	#chain = [];
	// when it was sent again from here, until the new execution is there
	#sent = null;
	#lastLook = 0;
	#looking = false;
	#attempts = h("section.attempts", { hidden: true });

	constructor(api, arrived) {
		super(api);
		this.#arrived = arrived;
	}

	at(id) {
		return this.api.executions + path`/${id}`;
	}

	stop() {
		super.stop();
		this.#execution = null;
		this.#sent = null;
		this.#chain = [];
		this.#attempts.hidden = true;
	}

	tick() {
		if (!this.#execution || document.hidden) return;
		const now = Date.now();
		const due = dueAt(this.#chain);
		const timer = this.#attempts.querySelector("[role=timer]");
		if (timer) timer.textContent = due > now ? `in ${span(due - now)}` : "due now";
		const late = this.#sent ? now - this.#sent.at : due === null ? -1 : now - due;
		if (this.#sent && late > 60_000) {
			this.#sent = null;
			this.tell("It is on the queue, and was not executed within a minute. It will be in the list.");
		}
		if (late >= 0 && now - this.#lastLook >= (late < 60_000 ? CHAIN_MS : SLOW_CHAIN_MS)) this.#look();
	}

	show(execution) {
		this.#execution = execution;
		const parts = [this.panel, factList(execution), this.#attempts, ...details(execution)];
		this.render(execution.event_type ?? "Execution", this.#actions(execution), ...parts);
		this.#look();
	}

	*#actions(execution) {
		const sent = execution.request_body != null;
		if (sent && this.api.allows(RESEND)) {
			const question = `Send this message to ${execution.url ?? "its webhook"} again, now?`;
			yield this.asking("Send again", question, "Send", () => this.#resend(), "primary");
		}
		if (execution.url && sent) {
			const copy = copyButton("as cURL", curl(execution), null);
			copy.textContent = "Copy as cURL";
			yield copy;
		}
		if (sent && this.api.allows(MANAGE)) {
			const question = "Erase the headers and bodies of this execution for good? It cannot be sent again after that.";
			yield this.asking("Erase", question, "Erase", () => this.#erase(), "danger");
		}
	}

	#act(method, action) {
		return this.attempt(method, this.at(this.#execution.execution_id) + action);
	}

	async #resend() {
		const before = new Set(this.#chain.map((execution) => execution.execution_id));
		const at = Date.now();
		if ((await this.#act("POST", "/resend")) === undefined) return;
		this.#sent = { at, before };
		this.tell("On the queue. Its execution shows up here in a moment…");
	}

	async #erase() {
		if ((await this.#act("DELETE", "/details")) === undefined) return;
		await this.open(this.#execution.execution_id);
		say(this.element, "Erased");
	}

	async #look() {
		if (this.#looking === this.viewing) return;
		const viewing = (this.#looking = this.viewing);
		this.#lastLook = Date.now();
		try {
			const chain = await this.api.message(this.#execution.message_id, viewing.signal);
			if (!viewing.signal.aborted) this.#showChain(chain);
		} catch (error) {
			if (viewing.signal.aborted || this.#chain.length) return;
			const said = remark(`The attempts of this message cannot be shown. ${problem(error)[0]}.`);
			this.#attempts.replaceChildren(said, button("Try again", () => this.#look()));
			this.#attempts.hidden = false;
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
			this.tell(text, button("View it", () => this.open(newest.execution_id)));
		} else say(this.panel, text);
		this.#arrived();
	}
}

// ---- webhooks

const orEmpty = (text) => text ?? "";
const orNull = (text) => text.trim() || null;
const words = (text) => text.match(/\S+/g) ?? [];
const headerLines = (headers = {}) => Object.entries(headers).map((header) => `${header.join(": ")}\n`).join("");

function readHeaders(text) {
	const lines = text.split("\n").filter((line) => line.trim());
	const pairs = lines.map((line) => line.split(/:(.*)/)).map(([name, value = ""]) => [name.trim(), value.trim()]);
	return Object.fromEntries(pairs);
}

const readDelays = (text) => (text === "none" ? [] : text ? words(text).map(Number) : null);

/** Field: its label, how it is written and read, and attributes of its box. */
const BOXES = {
	name: ["Name", orEmpty, String],
	url: ["URL", orEmpty, String],
	headers: ["Headers", headerLines, readHeaders, { rows: 3, placeholder: "X-Shop: berlin" }],
	event_types: ["Event types", (types = []) => types.join(" "), words, { placeholder: "all" }],
	topic: ["Topic", orEmpty, orNull],
	timeout_seconds: ["Timeout in seconds", (seconds = 15) => seconds, Number],
	retry_schedule: ["Seconds between attempts, or none", (delays) => (delays ? delays.join(" ") || "none" : ""), readDelays,
		{ placeholder: "as deployed" }],
	transformation: ["Transformation in JSONata", orEmpty, orNull, { rows: 4, placeholder: '{"text": payload.order}' }],
};
const ID = { required: true, pattern: "(?!\\.\\.?$)[A-Za-z0-9_.\\-]{1,128}", title: "1-128 of A-Z a-z 0-9 _ . -" };

function box(name, text, value, attributes) {
	const [id, wrong] = [`box-${name}`, `wrong-${name}`];
	const kind = attributes?.rows ? "textarea" : "input";
	const made = h(kind, { id, name, "aria-describedby": wrong, autocomplete: "off", spellcheck: "false", ...attributes });
	made.value = value;
	return h("div", h("label", { for: id }, text), made, h("p.wrong", { id: wrong }));
}

const off = ({ disabled_reason: reason }) => (reason ? [h("p.wrong", foreign(`Switched off: ${reason}`))] : []);

function drySent({ error, skipped, request_body: body }) {
	return skipped || error ? remark(error ? sentence(error.message) : "Nothing is sent.") : bodyBlock("Would be sent", body);
}

class WebhookSheet extends Sheet {
	kind = "Webhook";
	parameter = "edit";
	scope = "webhooks:read";
	gone = ["No such webhook", "It was deleted, or never set up."];

	#restart;
	#changed = false;
	// null while it is set up
	#webhook = null;
	#form;
	#payload;
	#dryRun = h("div.dry-run");
	#soon = null;

	constructor(api, restart) {
		super(api);
		this.#restart = restart;
	}

	at(id) {
		return path`/webhooks/${id}`;
	}

	setUp = () => {
		this.begin();
		this.#webhook = null;
		this.render("Set up a webhook", [], this.panel, this.#editor({}, box("webhook_id", "Id", "", ID)));
		this.#form.elements.webhook_id.focus();
	};

	show(webhook) {
		this.#webhook = webhook;
		writeAddress({ edit: webhook.webhook_id });
		const parts = [this.panel, ...off(webhook), this.#editor(webhook), this.#tests()];
		if (this.api.allows(RESEND)) parts.push(this.#recovery());
		this.render(webhook.name || webhook.webhook_id, this.#actions(), ...parts);
		if (webhook.transformation) this.#tryDry();
	}

	closed() {
		super.closed();
		clearTimeout(this.#soon);
		if (this.#changed) this.#restart(this.#webhook.webhook_id);
		this.#changed = false;
	}

	#act(method, rest = "", body) {
		return this.attempt(method, this.at(this.#webhook.webhook_id) + rest, body);
	}

	#actions() {
		const rotate = "Make a new secret? The old one signs for 24 hours more, beside the new one.";
		const remove = "Delete this webhook? Messages for it then fail. Its history stays until it expires.";
		return [
			button("Show secret", () => this.#secret("GET")),
			this.asking("Rotate secret", rotate, "Rotate", () => this.#secret("POST")),
			this.asking("Delete", remove, "Delete", () => this.#delete(), "danger"),
		];
	}

	#editor(webhook, ...first) {
		const boxes = Object.entries(BOXES).map(([name, [text, write, , more]]) => box(name, text, write(webhook[name]), more));
		this.#dryRun.replaceChildren();
		const enabled = h("label.live", toggle({ name: "enabled", checked: webhook.enabled }), "Enabled");
		const parts = [...first, ...boxes, this.#dryRun, enabled, h("button.primary", "Save")];
		return (this.#form = h("form", { "aria-label": "Webhook", submit: this.#save, input: this.#trySoon }, ...parts));
	}

	#save = async (event) => {
		stay(event);
		const { elements } = this.#form;
		const fields = { ...this.#webhook, enabled: elements.enabled.checked };
		for (const [name, [, , read]] of Object.entries(BOXES)) {
			fields[name] = read(elements[name].value);
			elements[name].nextElementSibling.textContent = "";
		}
		const id = this.#webhook?.webhook_id ?? elements.webhook_id.value;
		const answer = await this.attempt("PUT", this.at(id), fields);
		if (!answer) return;
		const { secret, ...webhook } = answer;
		this.#changed = true;
		this.show(webhook);
		if (secret) this.#tellSecret("Set up.", secret);
		else this.tell("Saved. All senders know of it within 30 seconds.");
	};

	refused(error) {
		const { status, message } = error;
		const name = status === 400 && Object.keys(BOXES).find((name) => message.startsWith(name.replace(/s$/, "")));
		if (status === 409 && this.#webhook) {
			const reload = button("Reload", () => this.open(this.#webhook.webhook_id));
			this.tell("Changed by somebody else meanwhile: reload. What you typed is lost then.", reload);
		} else if (name) {
			this.#form.elements[name].nextElementSibling.textContent = sentence(message);
			this.#form.elements[name].focus();
		} else super.refused(error);
	}

	async #secret(method) {
		const answer = await this.#act(method, "/secret");
		const until = answer?.previous_valid_until;
		if (answer) this.#tellSecret(until ? `The old secret signs as well until ${exact(until)}.` : "", answer.secret);
	}

	#tellSecret(text, secret) {
		this.tell(`${text} Receivers verify with this secret:`, h("code", secret), copyButton("secret", secret));
	}

	async #delete() {
		if ((await this.#act("DELETE")) === undefined) return;
		this.#changed = true;
		this.element.close();
	}

	#tests() {
		const result = h("div.details");
		const send = async (event) => {
			stay(event);
			const request = this.#sample();
			const execution = request && (await this.#act("POST", "/test", request));
			if (!execution) return;
			result.replaceChildren(factList(execution), ...details(execution));
			say(result, `Test: ${badge(execution).textContent}`);
		};
		const sample = box("payload", "Sample payload", '{\n  "order": 1042\n}', { rows: 4 });
		this.#payload = sample.children[1];
		const said = remark("Sends what is saved, also while it is off.");
		return h("form", { submit: send, input: this.#trySoon }, h("h3", "Test"), said, sample, h("button", "Send test"), result);
	}

	#sample(more) {
		const wrong = this.#payload.nextElementSibling;
		try {
			wrong.textContent = "";
			return { payload: JSON.parse(this.#payload.value), ...more };
		} catch {
			wrong.textContent = "This is not JSON.";
		}
	}

	#trySoon = ({ target }) => {
		if (!this.#webhook || !target.rows) return;
		clearTimeout(this.#soon);
		this.#soon = setTimeout(() => this.#tryDry(), TYPING_MS);
	};

	async #tryDry() {
		const request = this.#sample({ dry_run: true, transformation: orNull(this.#form.elements.transformation.value) });
		if (!request) return;
		const [soon, { signal }] = [this.#soon, this.viewing];
		const asked = this.api.ask("POST", `${this.at(this.#webhook.webhook_id)}/test`, signal, request);
		const shown = await asked.then(drySent, (error) => remark(sentence(error.message)));
		if (!signal.aborted && soon === this.#soon) this.#dryRun.replaceChildren(shown);
	}

	#recovery() {
		const since = box("since", "Since", "", { type: "datetime-local", required: true });
		const start = (event) => {
			stay(event);
			this.#recover(new Date(since.children[1].value).toISOString());
		};
		const said = remark("Sends again what failed since then and was not delivered later.");
		return h("form", { submit: start }, h("h3", "Recover"), said, since, h("button", "Recover"));
	}

	async #recover(since) {
		const { signal } = this.viewing;
		const started = await this.#act("POST", "/recover", { since });
		while (started && !signal.aborted) {
			const progress = await this.#act("GET", path`/recover/${started.recovery_id}`);
			if (!progress) return;
			const done = progress.status === "done";
			this.tell(`${done ? "Recovered" : "Recovering"}: ${progress.found} found, ${progress.queued} put on the queue.`);
			if (done) return;
			await new Promise((wake) => setTimeout(wake, CHAIN_MS));
		}
	}
}

class WebhookList extends Pages {
	what = "webhooks";
	scope = "webhooks:read";
	sheet = new WebhookSheet(this.api, (id) => this.start(id));

	#openHistory;
	// where the focus returns to
	#edited;
	#head = h("div.head");
	#list = h("ul");

	constructor(api, openHistory) {
		super(api);
		this.#openHistory = openHistory;
		this.begin(this.#head, this.#list, this.sheet.element);
	}

	start(edited) {
		this.#edited = edited;
		const setUp = this.api.allows(MANAGE) ? [button("Set up a webhook", this.sheet.setUp, "primary")] : [];
		this.#head.replaceChildren(h("h2.webhook", "Webhooks"), button("Refresh", () => this.start()), ...setUp);
		if (edited) this.#head.lastElementChild.focus();
		this.#list.replaceChildren();
		this.load();
	}

	older(signal) {
		return this.api.ask("GET", `/webhooks?${new URLSearchParams(this.cursor ? { cursor: this.cursor } : {})}`, signal);
	}

	show({ webhooks, next_cursor: cursor }) {
		this.cursor = cursor;
		this.offerMore(cursor);
		this.#list.append(...webhooks.map((webhook) => this.#row(webhook)));
		const { length } = this.#list.children;
		const text = "Set up the first; messages with its id then go to its URL.";
		this.showState(...(length ? [] : [notice(["No webhooks yet", text])]));
		this.sayCount(length, "webhook");
	}

	#row(webhook) {
		const { webhook_id: id, url, event_types: types, enabled } = webhook;
		const name = webhook.name || id;
		const texts = [id, url, types.join(" ") || "all event types"].map((text) => h("bdi.id", text));
		const edit = button("Edit", () => this.sheet.open(id), null, { "aria-label": `Edit ${name}` });
		if (id === this.#edited) queueMicrotask(() => edit.focus());
		return h("li",
			h("div", h("bdi.name", name), ...texts, ...off(webhook)),
			h("span", { class: `badge ${enabled ? "success" : "unreached"}` }, enabled ? "enabled" : "off"),
			...(this.api.allows(MANAGE) ? [edit] : []),
			button("Open history", () => this.#openHistory(id), null, { "aria-label": `Open history of ${name}` }),
		);
	}
}

// ---- the component

class WebhookHistory extends HTMLElement {
	static observedAttributes = ["api", "webhook", "token"];

	#api = new Api();
	#list = new ExecutionList(this.#api, (id) => this.#view.open(id));
	#view = new ExecutionView(this.#api, () => this.#list.refresh());
	#webhooks = new WebhookList(this.#api, (id) => this.#openHistory(id));
	#views = h("form.views", { change: () => this.#choose(this.#views.elements.view.value), submit: stay },
		choices("View", "view", "", ["", "History"], ["webhooks", "Webhooks"]),
	);
	// whether it is the webhooks
	#shown = false;
	#clocks = null;

	constructor() {
		super();
		const sheet = h("link", { rel: "stylesheet", href: new URL("webhook-history.css", import.meta.url) });
		const parts = [this.#list, this.#view, this.#webhooks].map(({ element }) => element);
		const whole = h("div.history", { hidden: true }, this.#views, ...parts);
		for (const event of ["load", "error"]) sheet.addEventListener(event, () => (whole.hidden = false));
		this.attachShadow({ mode: "open" }).append(sheet, whole);
	}

	get renewToken() {
		return this.#api.renewToken;
	}

	set renewToken(renew) {
		this.#api.renewToken = renew;
		if (this.#clocks && !this.#api.token) this.#start();
	}

	connectedCallback() {
		if (Object.hasOwn(this, "renewToken")) {
			// It was set before this class was there, and hides the accessor.
			const early = this.renewToken;
			delete this.renewToken;
			this.renewToken = early;
		}
		addEventListener("hashchange", this.#addressChanged);
		this.#clocks = [setInterval(() => this.#list.tick(), CLOCK_MS), setInterval(() => this.#view.tick(), 1000)];
		this.#start();
	}

	disconnectedCallback() {
		removeEventListener("hashchange", this.#addressChanged);
		this.#clocks.forEach(clearInterval);
		this.#clocks = null;
		for (const part of [this.#list, this.#view, this.#webhooks, this.#webhooks.sheet]) part.stop();
	}

	attributeChangedCallback(name, before, after) {
		if (this.#clocks && before !== after) this.#start();
	}

	#addressChanged = () => {
		if (new URLSearchParams(location.hash.slice(1)).has("token")) this.#start();
	};

	#start() {
		const api = this.#api;
		const own = this.getAttribute("token");
		api.token = own || (api.renewToken ? api.token : takeTokenFromAddress());
		const { webhook, execution, edit } = readAddress();
		api.webhook = this.getAttribute("webhook") || webhook;
		api.base = new URL(this.getAttribute("api") ?? ".", document.baseURI).href.replace(/\/$/, "");
		api.renewed = () => this.#offer() !== this.#shown && this.#show();
		this.#show();
		if (this.#shown) edit && api.allows(MANAGE) && this.#webhooks.sheet.open(edit);
		else if (execution && api.ready) this.#view.open(execution);
	}

	#offer() {
		this.#views.hidden = !["webhooks:read", MANAGE].some((scope) => this.#api.allows(scope));
		return !this.#views.hidden && readAddress().view === "webhooks";
	}

	#show() {
		const webhooks = (this.#shown = this.#offer());
		this.#views.elements.view.value = webhooks ? "webhooks" : "";
		const [shown, other] = webhooks ? [this.#webhooks, this.#list] : [this.#list, this.#webhooks];
		other.stop();
		other.element.hidden = true;
		shown.element.hidden = false;
		shown.start();
	}

	#choose(view) {
		writeAddress({ view });
		this.#show();
	}

	#openHistory(id) {
		writeAddress({ ...NO_FILTER, view: "", webhook: id });
		if (this.getAttribute("webhook") === null) this.#start();
		else this.setAttribute("webhook", id);
		this.#views.querySelector(":checked").focus();
	}
}

customElements.define("webhook-history", WebhookHistory);
