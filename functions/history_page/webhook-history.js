/** <webhook-history api webhook token>. Whatever others wrote becomes text, never HTML. */

const [FIRST_PAGE, LATER_PAGES, MOST_NEW_PAGES] = [50, 200, 5];
// an execution is logged when it ends, this late at most
const LATE_MS = 35_000;
const TIMEOUT_MS = 30_000;
const CLOCK_MS = 15_000;
const TYPING_MS = 400;
const LIVE_MS = 3_000;
const [LOOK_MS, LATE_LOOK_MS] = [1_500, 30_000];
const MOST_COLOURED = 50_000;
const UNFOLDED_LINES = 60;
const DEEPEST_FOLD = 20;
const MOST_BARS = 48;
const KEPT_TOKEN = "hooklog.token";
const [RESEND, MANAGE] = ["executions:resend", "webhooks:manage"];

// ---- elements

function h(kind, ...given) {
	const [name, ...classes] = kind.split(".");
	const made = document.createElement(name);
	if (classes.length) made.className = classes.join(" ");
	const attributes = given[0]?.constructor === Object ? given.shift() : {};
	for (const [key, value] of Object.entries(attributes)) {
		if (typeof value === "function") made.addEventListener(key, value);
		else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
	}
	made.append(...given.flat(Infinity));
	return made;
}

const fill = (element, ...children) => element.replaceChildren(...children.flat(Infinity));
const write = (element, text) => element.textContent === text || fill(element, text);

function reveal(element, ...children) {
	fill(element, children);
	element.hidden = false;
}

const button = (text, click, look, more) => h("button", { type: "button", class: look, click, ...more }, text);
const toggle = (more) => h("input", { type: "checkbox", role: "switch", ...more });
const UNAIDED = { autocomplete: "off", spellcheck: "false" };
const foreign = (text) => h("bdi", String(text));

function say(from, text) {
	from.dispatchEvent(new CustomEvent("said", { bubbles: true, detail: text }));
}

function liveRegion(heard, look) {
	const region = h(`p.${look}`, { role: "status" });
	heard.addEventListener("said", (event) => {
		event.stopPropagation();
		write(region, event.detail);
	});
	return region;
}

// ---- times and sizes

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7]];

/** How far the API's clock is ahead of ours. */
let aheadMs = 0;
const apiNow = () => Date.now() + aheadMs;

function readClock(date) {
	aheadMs = Math.round((Date.parse(date) - Date.now()) / 10_000) * 10_000 || 0;
}

function timeAgo(iso) {
	let distance = (Date.parse(iso) - apiNow()) / 1000;
	if (Math.abs(distance) < 10) return "just now";
	for (const [unit, most] of STEPS) {
		if (Math.abs(distance) < most) return RELATIVE.format(Math.round(distance), unit);
		distance /= most;
	}
	return MOMENT.format(Date.parse(iso));
}

const timeOf = ({ executed_at: at }) => Date.parse(at);
const exact = (iso) => EXACT.format(Date.parse(iso));
const ago = (iso) => h("time", { datetime: iso, title: exact(iso) }, timeAgo(iso));

function span(ms) {
	const seconds = Math.round(ms / 1000);
	const units = [["d", 86_400, 365], ["h", 3600, 24], ["min", 60, 60], ["s", 1, 60]];
	const parts = units.map(([unit, of, most]) => [Math.floor(seconds / of) % most, unit]);
	const first = parts.findIndex(([count]) => count > 0);
	return first < 0 ? "0 s" : parts.slice(first, first + 2).map((part) => part.join(" ")).join(" ");
}

const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const scaled = (number, by, unit) => `${(number / by).toFixed(1)} ${unit}`;

const duration = (ms) => (ms < 1000 ? `${ms} ms` : scaled(ms, 1000, "s"));
const size = (bytes) =>
	bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? scaled(bytes, 1000, "kB") : scaled(bytes, 1e6, "MB");

function startOfDay(day, daysLater = 0) {
	const [year, month, date] = day.split("-").map(Number);
	return new Date(year, month - 1, date + daysLater).toISOString();
}

// ---- JSON as it was sent

function isJson(text) {
	try {
		return typeof JSON.parse(text) === "object";
	} catch {
		return false;
	}
}

const newLine = (depth) => `\n${"  ".repeat(Math.min(depth, DEEPEST_FOLD))}`;

function* layOut(text) {
	let depth = 0;
	const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
	for (let at = 0; at < tokens.length; at++) {
		const [token, next] = [tokens[at], tokens[at + 1]];
		if (["{}", "[]"].includes(token + next)) yield [token + tokens[++at]];
		else if ("{[".includes(token)) {
			yield [token, "open"];
			yield [newLine(++depth)];
		} else if ("}]".includes(token)) {
			yield [newLine(--depth)];
			yield [token, "close"];
		} else if (token === ",") yield [token + newLine(depth), "comma"];
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
		this.button.dataset.items = plural(this.items, "item");
		this.button.setAttribute("aria-label", `${this.key} ${this.button.dataset.items}`);
	}
}

function folded(parts) {
	const [open, folds] = [[{ inside: h("span") }], []];
	let key = "";
	for (const [text, kind] of parts) {
		if (kind === "close") {
			open.at(-1).close();
			folds.push(open.pop());
		}
		const within = open.at(-1);
		within.inside.append(["key", "string", "literal"].includes(kind) ? h(`span.${kind}`, text) : text);
		if (kind === "key") key = text;
		else if (kind === "comma") within.items++;
		else if (kind === "open") {
			open.push(new Fold(key));
			within.inside.append(open.at(-1).button, open.at(-1).inside);
		}
	}
	return { whole: open[0].inside, folds: folds.slice(0, -1) };
}

function laidOut(text) {
	if (!isJson(text)) return { content: text };
	const parts = [...layOut(text)];
	const plain = parts.map(([part]) => part).join("");
	if (text.length > MOST_COLOURED || plain.includes(newLine(DEEPEST_FOLD))) return { content: plain };
	const { whole, folds } = folded(parts);
	if (plain.split("\n").length > UNFOLDED_LINES) for (const fold of folds) fold.turn(false);
	return { content: whole, folds };
}

// ---- the address bar

const NO_FILTER = { status: "", from: "", to: "", message: "" };
const FILTER = Object.keys(NO_FILTER);

function readAddress() {
	const query = new URLSearchParams(location.search);
	const names = [...FILTER, "execution", "webhook", "view", "edit"];
	const given = Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""]));
	const day = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) && isFinite(Date.parse(text)) ? text : "");
	const status = ["success", "failure"].includes(given.status) ? given.status : "";
	return { ...given, status, ...inOrder(day(given.from), day(given.to)) };
}

const inOrder = (from, to) => from && to && from > to ? { from: to, to: from } : { from, to };

function writeAddress(changes) {
	const url = new URL(location.href);
	for (const [name, value] of Object.entries(changes)) {
		if (value) url.searchParams.set(name, value);
		else url.searchParams.delete(name);
	}
	history.replaceState(history.state, "", url);
}

const queryOf = ({ status, from, to }) =>
	({ ...(status && { status }), ...(from && { from: startOfDay(from) }), ...(to && { to: startOfDay(to, 1) }) });

function matches(call, filter) {
	const { status, from = "", to = "~" } = queryOf(filter);
	const at = call.executed_at;
	return (!status || call.success === (status === "success")) && from <= at && at < to;
}

const fragment = () => new URLSearchParams(location.hash.slice(1));

function tokenFromAddress() {
	const [token, webhook] = ["token", "webhook"].map((name) => fragment().get(name));
	if (token) history.replaceState(history.state, "", location.pathname + location.search);
	if (token && webhook) writeAddress({ webhook });
	return token;
}

/** Where the browser keeps nothing. */
let kept = null;

function keptToken(token) {
	kept = token ?? kept;
	try {
		if (token) sessionStorage.setItem(KEPT_TOKEN, token);
		return sessionStorage.getItem(KEPT_TOKEN);
	} catch {
		return kept;
	}
}

/** What a token says; the API decides whether it is true. */
function claimsOf(token) {
	try {
		return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))) ?? {};
	} catch {
		return {};
	}
}

/** Whether it grants the same, until whenever. */
function sameAccess(...tokens) {
	const [one, other] = tokens.map(claimsOf).map(({ exp, iat, nbf, jti, ...access }) => JSON.stringify(access));
	return one === other;
}

const isCurrent = (token) => claimsOf(token).exp * 1000 > apiNow();

// ---- the API

/** Status 0: no answer. */
class Failed extends Error {
	constructor(status, { message = `The API responded with status ${status}.`, errors = [] } = {}) {
		super(message);
		Object.assign(this, { status, errors });
	}
}

/** Escapes ids. */
const path = (texts, ...ids) => String.raw({ raw: texts }, ...ids.map(encodeURIComponent));

class Api {
	base;
	webhook;
	token;
	renewToken;
	renewed;

	get ready() {
		return (this.token || this.renewToken) && this.webhook;
	}

	/** What to offer; the API decides. */
	allows(scope) {
		return String(claimsOf(this.token).scope).split(" ").includes(scope);
	}

	get executions() {
		return path`/webhooks/${this.webhook}/executions`;
	}

	async message(id, signal) {
		const { executions } = await this.ask("GET", path`/messages/${id}/executions`, signal);
		return executions.filter(({ webhook_id: id }) => id === this.webhook);
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
			readClock(response.headers.get("Date"));
			const answer = response.status === 204 ? null : await response.json();
			if (response.ok) return answer;
			throw new Failed(response.status, answer?.error ?? {});
		} catch (error) {
			throw error instanceof Failed || signal.aborted ? error : new Failed(0, error);
		}
	}

	async #renew() {
		try {
			this.token = await this.renewToken();
			this.renewed();
		} catch {
			throw new Failed(401);
		}
	}
}

// ---- notices

function problem(error, scope = "executions:read") {
	const failure = (title, text) => [title, text, "failure"];
	if (error.status === 0) return failure("The API cannot be reached", "Check your connection, then try again.");
	if (error.status === 401)
		return failure("Your access has expired", "Open the history again from your application, or try again.");
	const said = sentence(error.message);
	if (error.status === 403) return ["No permission", `${said} You need a token for this webhook with the scope ${scope}.`];
	return failure(error.status === 429 ? "Too many requests" : "Request failed", said);
}

function sentence(text) {
	return text.charAt(0).toUpperCase() + text.slice(1).replace(/[^.!?]$/, "$&.");
}

const notice = ([title, text, look = ""], ...more) => h(`div.notice.${look}`, h("h3", title), h("p", text), more);

function nothingYet(webhook) {
	const url = "https://example.com/webhooks";
	const message = { webhook_id: webhook, url, event_type: "order.created", payload: { order: 1042 } };
	const send = `aws sqs send-message --queue-url "$QUEUE_URL" --message-group-id ${quoted(webhook)} \\\n  --message-body `;
	const command = send + quoted(JSON.stringify(message, null, 2));
	const text = "Put the first message on the queue to see it here.";
	return notice(["Nothing sent yet", text], block("Command", { content: command }, command));
}

const skeleton = (lines) => h("div.skeleton", Array.from({ length: lines }, () => h("div.bar")));

// ---- the list

const kindOf = ({ success, result }) => (success ? "success" : result === 0 ? "unreached" : "failure");

const NO_RESPONSE = {
	dns_failure: "DNS failed", connection_refused: "Connection refused", tls_error: "TLS failed",
	connect_timeout: "Timed out", read_timeout: "Timed out", deadline_exceeded: "Timed out",
	connection_reset: "Connection closed", protocol_error: "Invalid response",
	...Object.fromEntries(["blocked_address", "invalid_url", "transformation_error", "unknown_webhook", "disabled_webhook"]
		.map((type) => [type, "Not sent"])),
};

function inWords({ skipped, result, error_type: listed, error }) {
	if (skipped) return "Skipped";
	return result === 0 ? `0 · ${NO_RESPONSE[error?.type ?? listed] ?? "No response"}` : String(result);
}

const badge = (call) => h(`span.badge.${kindOf(call)}`, inWords(call));

const attempt = ({ attempt, trigger }) => (trigger === "event" ? `${attempt}` : `${attempt} · ${trigger}`);

function nextAttempt({ next_attempt_at: next, exhausted }) {
	return next ? ago(next) : exhausted ? "none" : "–";
}

function cell(kind, ...children) {
	const made = h(`td.${kind}`, { role: "cell" }, children);
	made.style.setProperty("--area", kind);
	return made;
}

function row(call, view) {
	const { event_type: event = "–", executed_at: at, execution_id: id } = call;
	const name = `View ${event}, ${inWords(call)}, ${exact(at)}`;
	return h("tr", { role: "row" },
		cell("time", ago(at)),
		cell("result", badge(call)),
		cell("event", foreign(event), h("bdi.id", call.message_id)),
		cell("attempt", foreign(attempt(call))),
		cell("duration", duration(call.duration_ms)),
		cell("next", nextAttempt(call)),
		cell("open", button("View", () => view(id), "view", { "aria-label": name })),
	);
}

function table(body) {
	const headings = ["Time", "Result", "Event", "Attempt", "Duration", "Next attempt", "View"].map((name) =>
		h("th", { role: "columnheader", scope: "col", class: name.toLowerCase().split(" ")[0] }, name),
	);
	const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, headings));
	return h("table", { role: "table", "aria-label": "Executions, newest first" }, head, body);
}

function choices(legend, name, chosen, ...given) {
	const choice = ([value, text]) =>
		h("label", h("input", { type: "radio", name, value, checked: value === chosen }), h("span", text));
	return h("fieldset.choices", h("legend.unseen", legend), given.map(choice));
}

function filterForm(filter, change) {
	const field = (name, text, more) =>
		h(`label.field.${name}`, text, h("input", { name, value: filter[name], ...UNAIDED, ...more }));
	return h("form.filter", { "aria-label": "Filter", change, search: change },
		choices("Result", "status", filter.status, ["", "All"], ["success", "Succeeded"], ["failure", "Failed"]),
		field("from", "From", { type: "date" }),
		field("to", "To", { type: "date" }),
		field("message", "Message ID", { type: "search" }),
	);
}

// ---- the strip

const BAR_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400, 604_800, 2_592_000, 31_536_000];

function barsOf(calls) {
	const times = calls.map(timeOf);
	const [newest, oldest] = [times[0], times.at(-1)];
	const wide = (seconds) => (newest - oldest) / 1000 / seconds < MOST_BARS - 1;
	const width = 1000 * BAR_SECONDS.find(wide);
	const zone = new Date(oldest).getTimezoneOffset() * 60_000;
	const start = Math.floor((oldest - zone) / width) * width + zone;
	const bars = [];
	for (let from = start; from <= newest; from += width) bars.push({ from, to: from + width, succeeded: 0, failed: 0 });
	calls.forEach(({ success }, at) => bars[Math.floor((times[at] - start) / width)][success ? "succeeded" : "failed"]++);
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
	return h("span", { title }, parts);
}

function strip(calls) {
	const bars = barsOf(calls);
	const most = Math.max(...bars.map(({ succeeded, failed }) => succeeded + failed));
	const failing = bars.filter(({ failed }) => failed).slice(-5);
	const failures = failing.map(({ from, failed }) => `${failed} at ${MOMENT.format(from)}`).join("; ");
	const name = `Over time: ${failures ? `failures, ${failures}` : "no failures"}`;
	const failed = calls.filter(({ success }) => !success).length;
	const edge = (call) => h("span", MOMENT.format(timeOf(call)));
	return [
		h("div.bars", { role: "img", "aria-label": name }, bars.map((counted) => bar(counted, most))),
		h("p.scale",
			edge(calls.at(-1)),
			h("span", { class: failed > 0 && "failing" }, counts({ succeeded: calls.length - failed, failed })),
			edge(calls[0]),
		),
	];
}

// ---- parts of one execution

function copyButton(what, text, look = "copy", label = "Copy") {
	const copy = async ({ currentTarget: pressed }) => {
		const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
		const show = (text, done) => {
			fill(pressed, text);
			pressed.classList.toggle("copied", !!done);
		};
		show(copied ? "Copied" : "Copy failed", copied);
		say(pressed, copied ? `Copied ${what}` : "Copy failed");
		setTimeout(show, 1500, label);
	};
	return button(label, copy, look, { "aria-label": `Copy ${what}` });
}

function block(title, { content, folds = [] }, copied, remarks = []) {
	const verb = () => (folds.some((fold) => fold.inside.hidden) ? "Expand" : "Collapse");
	const turn = ({ currentTarget }) => {
		const open = verb() === "Expand";
		for (const fold of folds) fold.turn(open);
		fill(currentTarget, verb());
	};
	const actions = [copyButton(title, copied)];
	if (folds.length) actions.unshift(button(verb(), turn, "copy"));
	const heading = h("div.block-head", h("h3", title), actions);
	const text = h("pre", { tabindex: "0", role: "group", "aria-label": title }, content);
	return h("section.block", heading, remarks, text);
}

const remark = (text) => h("p.remark", text);

function headerBlock(title, headers, truncated) {
	const remarks = truncated ? [remark("Truncated: the response had more headers.")] : [];
	const content = Object.entries(headers).map(([name, value]) => [h("span.key", name), `: ${value}\n`]);
	return block(title, { content }, headerLines(headers), remarks);
}

function bodyBlock(title, call, part = "request_body") {
	const ends = ["", "_encoding", "_truncated", "_bytes", "_note", "_charset"];
	const [body, encoding, truncated, bytes, note, charset] = ends.map((end) => call[part + end]);
	const remarks = note ? [note] : [];
	if (charset) remarks.push(`Decoded from ${charset}.`);
	if (call[part.replace("body", "incomplete")]) remarks.push("Incomplete: the connection closed early, or time ran out.");
	const binary = encoding === "base64";
	if (binary) remarks.push("Not UTF-8 text: shown as base64.");
	if (truncated) {
		const kept = charset ? "characters" : size(binary ? atob(body).length : new Blob([body]).size);
		remarks.push(`Truncated: only the first ${kept}${bytes == null ? "" : ` of ${size(bytes)}`} are stored.`);
	}
	const shown = !body ? { content: h("span.muted", "empty") } : encoding ? { content: body } : laidOut(body);
	return block(title, shown, body, remarks.map(remark));
}

function* facts(call) {
	const { error, url, executed_at: at } = call;
	yield ["Result", badge(call), call.result];
	if (!call.success) yield ["Hard Error", ...Array(2).fill(call.hard_error ? "yes" : "no")];
	yield ["Attempt", foreign(attempt(call))];
	yield ["Duration", duration(call.duration_ms)];
	const wide = (name, copied, shown = foreign(copied)) => [name, shown, copied, "wide"];
	if (error) {
		yield wide("Error", error.type);
		yield wide("Error Message", error.message);
	}
	if (call.redelivered) yield wide("Possible duplicate", "The queue delivered this message again. It may have been sent twice.");
	if (call.resent_on_new_connection) yield wide("Possible duplicate", "The connection closed before a response. The request was sent again on a new one.");
	yield wide("Time", at, exact(at));
	if (url) yield wide("URL", url, foreign(`${call.method} ${url}`));
	yield wide("Message ID", call.message_id);
	yield wide("Execution ID", call.execution_id);
}

function factList(call) {
	return h("dl.facts", [...facts(call)].map(([name, value, copied, width]) => {
		const copy = copied == null ? [] : copyButton(name, String(copied), "icon");
		return h("div", { class: width }, h("dt", name), h("dd", h("span", value), copy));
	}));
}

function* details(call) {
	const { request_headers: headers, request_body: sent, response_headers: answered } = call;
	if (headers) yield headerBlock("Headers", headers);
	if (sent != null) yield bodyBlock("Request Body", call);
	if (call.response_body != null) yield bodyBlock("Response Body", call, "response_body");
	if (answered) yield headerBlock("Response Headers", answered, call.response_headers_truncated);
	if (headers || sent != null) return;
	if (call.success && !call.erased) yield remark("Headers and bodies are stored for failed executions only.");
	else yield remark(`The headers and bodies of this execution ${call.erased ? "were erased" : "are no longer stored"}.`);
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

// ---- attempts

function outcome([first, ...later]) {
	if (first.skipped) return "Not sent: the transformation returned nothing.";
	if (first.success) return "Delivered on the first attempt.";
	const last = later.at(-1) ?? first;
	const delivered = later.find(({ success }) => success);
	if (delivered) {
		const after = span(timeOf(delivered) - timeOf(first));
		return `Delivered on attempt ${delivered.attempt}, ${after} after the first.`;
	}
	if (last.next_attempt_at) return "Not delivered yet.";
	return "Not delivered. No more automatic retries.";
}

function attemptItem(call, shown, view) {
	const { execution_id: id, trigger, executed_at: at } = call;
	const [name, current] = [`Attempt ${call.attempt}`, id === shown];
	return h("li", { class: kindOf(call), "aria-current": current && "true" },
		current ? h("b", name) : button(name, () => view(id), "link"),
		badge(call),
		trigger === "event" ? [] : h("span.muted", foreign(trigger)),
		ago(at),
	);
}

function timeline(chain, shown, view) {
	const items = chain.map((call) => attemptItem(call, shown, view));
	const { next_attempt_at: next, attempt: last } = chain.at(-1);
	if (next) items.push(h("li", `Attempt ${last + 1}`, h("span", { role: "timer", title: exact(next) })));
	return [h("h3", "Attempts"), h("p", outcome(chain)), h("ol", items)];
}

// ---- lists

/** A list that comes page by page. */
class Pages {
	element = h("section");
	loading = new AbortController();
	busy = false;
	again;
	cursor;

	said = liveRegion(this.element, "said");
	state = h("div.state");
	#more = button("", () => this.#loadMore(), "more");

	constructor(api, go) {
		this.api = api;
		this.go = go;
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
		fill(this.#more, "Loading…");
		this.loadPage();
	}

	async loadPage() {
		const { signal } = this.loading;
		this.busy = true;
		say(this.said, `Loading ${this.what}s…`);
		try {
			const found = await this.older(signal);
			if (!signal.aborted) this.show(found, this.#more.matches(":focus"));
		} catch (error) {
			if (!signal.aborted) this.showProblem(error, () => this.loadPage());
		} finally {
			if (!signal.aborted) this.busy = false;
		}
	}

	offerMore(more) {
		this.#more.hidden = !more;
		this.#more.removeAttribute("aria-disabled");
		fill(this.#more, "Load more");
	}

	showProblem(error, tryAgain) {
		this.offerMore(false);
		const shown = problem(error, this.scope);
		const again = () => {
			this.showState(skeleton(3));
			tryAgain();
		};
		this.showState(notice(shown, button("Try again", again)), again);
		say(this.said, shown[0]);
	}

	sayCount(count) {
		say(this.said, plural(count || "No", this.what) + (this.cursor ? ", and there are more" : ""));
	}

	showState(shown, again) {
		this.again = again;
		fill(this.state, shown);
		this.state.hidden = !this.state.firstChild;
	}
}

class ExecutionList extends Pages {
	what = "execution";

	#filter;
	#listed = [];
	#timer;
	#title = h("h2.webhook");
	#live = toggle({ change: () => this.#addNew().then(this.#goOn) });
	#tools = h("div");
	#strip = h("div");
	#rows = h("tbody", { role: "rowgroup" });
	#table = table(this.#rows);

	constructor(api, view) {
		super(api, view);
		this.begin(this.#tools, this.#strip, this.#table);
	}

	start() {
		this.#filter = readAddress();
		fill(this.#title, foreign(this.api.webhook));
		const live = h("label.live", this.#live, "Live updates");
		const head = h("div.head", this.#title, live, button("Refresh", () => this.refresh()));
		fill(this.#tools, head, filterForm(this.#filter, this.#filterChanged));
		this.load();
		this.#goOn();
	}

	stop() {
		super.stop();
		clearTimeout(this.#timer);
	}

	tick() {
		for (const time of this.#rows.querySelectorAll("time")) write(time, timeAgo(time.dateTime));
	}

	refresh() {
		return this.#listed.length && this.state.hidden ? this.#addNew() : this.load();
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
		this.#tools.querySelector("form input").focus();
	};

	load() {
		this.#listed = [];
		fill(this.#rows);
		this.#arrange();
		this.#tools.hidden = !this.api.ready;
		if (this.api.ready) return super.load();
		this.stop();
		this.offerMore();
		this.showState(notice(this.api.webhook
			? ["A token is required", "Add #token=<token>&webhook=<webhook ID> to the address of this page."]
			: ["No webhook is selected", "Add ?webhook=<webhook ID> to the address of this page."]));
	}

	/** May be empty and not the last. */
	async older(signal) {
		if (this.#filter.message) return this.#ofMessage(signal);
		const limit = this.#listed.length ? LATER_PAGES : FIRST_PAGE;
		do {
			const page = await this.#page({ limit }, this.cursor, signal);
			this.cursor = page.next_cursor;
			if (page.executions.length || !this.cursor) return page.executions;
		} while (!signal.aborted);
		return [];
	}

	async #newer(signal) {
		if (this.#filter.message) return this.#ofMessage(signal);
		const since = new Date(timeOf(this.#listed[0]) - LATE_MS).toISOString();
		const { from = since } = queryOf(this.#filter);
		const found = [];
		let cursor = null;
		for (let pages = 0; pages < MOST_NEW_PAGES; pages++) {
			const page = await this.#page({ from: from > since ? from : since, limit: LATER_PAGES }, cursor, signal);
			found.push(...page.executions);
			cursor = page.next_cursor;
			if (!cursor) return found;
		}
		return null;
	}

	#page(query, cursor, signal) {
		const parameters = new URLSearchParams({ ...queryOf(this.#filter), ...query, ...(cursor && { cursor }) });
		return this.api.ask("GET", `${this.api.executions}?${parameters}`, signal);
	}

	async #ofMessage(signal) {
		const chain = await this.api.message(this.#filter.message, signal);
		return chain.filter((call) => matches(call, this.#filter)).reverse();
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
			const found = await (this.#listed.length ? this.#newer(signal) : this.older(signal));
			if (signal.aborted) return;
			if (found === null) await this.load();
			else if (this.#add(found, "fresh").length || !this.state.hidden) this.#settle();
			else this.sayCount(this.#listed.length);
		} catch (error) {
			if (signal.aborted) return;
			const passes = [0, 429].includes(error.status) || error.status >= 500;
			if (passes && this.#live.checked) return say(this.said, "Live updates: no response. Retrying…");
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
		for (const call of found) {
			const { execution_id: id } = call;
			while (this.#listed[at]?.execution_id > id) at++;
			if (this.#listed[at]?.execution_id === id) continue;
			const added = row(call, this.go);
			added.className = look;
			this.#rows.insertBefore(added, this.#rows.children[at] ?? null);
			this.#listed.splice(at, 0, call);
			rows.push(added);
		}
		return rows;
	}

	#settle() {
		this.#arrange();
		this.offerMore(this.cursor);
		this.showState(this.#listed.length ? [] : this.#nothing());
		this.sayCount(this.#listed.length);
	}

	#arrange() {
		this.#table.hidden = !this.#listed.length;
		this.#strip.hidden = this.#listed.length < 2;
		fill(this.#strip, this.#strip.hidden ? [] : strip(this.#listed));
	}

	#nothing() {
		if (FILTER.every((name) => !this.#filter[name])) return nothingYet(this.api.webhook);
		const text = this.#filter.message
			? "This webhook has no execution of that message. Check the ID."
			: "No execution of this webhook matches the filter.";
		return notice(["Nothing matches", text], button("Show all", this.#showAll));
	}
}

// ---- sheets

class Sheet {
	viewing = new AbortController();
	panel = h("div.panel", { hidden: true });
	element = h("dialog", {
		"aria-labelledby": "viewed",
		close: () => this.closed(),
		mousedown: ({ target, offsetX: x }) => target === this.element && x < 0 && target.close(),
	});

	#said = liveRegion(this.element, "unseen");

	constructor(api, changed) {
		this.api = api;
		this.changed = changed;
	}

	open = async (id) => {
		const { signal } = this.begin();
		this.id = id;
		writeAddress({ [this.parameter]: id });
		this.render(skeleton(5));
		try {
			const found = await this.api.ask("GET", this.at(id), signal);
			if (!signal.aborted) this.show(found);
		} catch (error) {
			if (signal.aborted) return;
			const tryAgain = button("Try again", () => this.open(id));
			const shown = error.status === 404 ? [this.gone] : [problem(error, this.scope), tryAgain];
			this.render(notice(...shown));
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
		fill(this.element);
		writeAddress({ [this.parameter]: "" });
	}

	render(children, title = this.kind, actions = []) {
		const close = button("Close", () => this.element.close(), "close");
		const head = h("header", h("h2", { id: "viewed" }, foreign(title)), close);
		fill(this.element, head, h("div.details", h("div.actions", ...actions), children), this.#said);
		if (!this.element.open) this.element.showModal();
		close.focus();
	}

	asking(text, question, act, look) {
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
			reveal(this.panel, asked, button(text.split(" ")[0], go, "primary"), button("Cancel", leave));
			asked.focus();
		};
		const opener = button(text, ask, look);
		return opener;
	}

	tell(text, ...more) {
		reveal(this.panel, h("p", foreign(text)), more);
		say(this.panel, text);
	}

	/** Undefined where it was refused. */
	async attempt(method, rest = "", body) {
		const { signal } = this.viewing;
		try {
			const answer = await this.api.ask(method, this.at(this.id) + rest, new AbortController().signal, body);
			return signal.aborted ? undefined : answer;
		} catch (error) {
			if (!signal.aborted) this.refused(error, rest);
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
	gone = ["Execution not found", "It has expired, or it belongs to another webhook."];

	#call;
	#chain = [];
	#resentAt;
	#lastLook = 0;
	#looking = false;
	#attempts = h("section.attempts", { hidden: true });

	at(id) {
		return this.api.executions + path`/${id}`;
	}

	stop() {
		super.stop();
		this.#call = this.#resentAt = null;
		this.#chain = [];
		this.#attempts.hidden = true;
	}

	tick() {
		if (!this.#call || document.hidden) return;
		const now = apiNow();
		const due = Date.parse(this.#chain.at(-1)?.next_attempt_at);
		const timer = this.#attempts.querySelector("[role=timer]");
		if (timer) fill(timer, due > now ? `in ${span(due - now)}` : "due now");
		const late = now - (this.#resentAt ?? due);
		if (this.#resentAt && late > 60_000) {
			this.#resentAt = null;
			this.tell("Still on the queue after a minute. It will appear in the list once it is sent.");
		}
		if (late >= 0 && now - this.#lastLook >= (late < 60_000 ? LOOK_MS : LATE_LOOK_MS)) this.#look();
	}

	show(call) {
		this.#call = call;
		const parts = [this.panel, factList(call), this.#attempts, ...details(call)];
		this.render(parts, call.event_type, this.#actions(call));
		this.#look();
	}

	*#actions(call) {
		const sent = call.request_body != null;
		if (sent && call.trigger !== "test" && this.api.allows(RESEND)) {
			const question = `Resend this message to ${call.url ?? "its webhook"} now?`;
			yield this.asking("Resend", question, () => this.#resend(), "primary");
		}
		if (call.url && sent) yield copyButton("as cURL", curl(call), null, "Copy as cURL");
		if (sent && this.api.allows(MANAGE)) {
			const question = "Erase the headers and bodies permanently? You can't resend this message afterwards.";
			yield this.asking("Erase", question, () => this.#erase(), "danger");
		}
	}

	async #resend() {
		const at = apiNow();
		if ((await this.attempt("POST", "/resend")) === undefined) return;
		this.#resentAt = at;
		this.tell("The message is on the queue. Its new attempt will appear here.");
	}

	async #erase() {
		if ((await this.attempt("DELETE", "/details")) === undefined) return;
		await this.open(this.id);
		say(this.element, "Erased");
	}

	async #look() {
		if (this.#looking === this.viewing) return;
		const viewing = (this.#looking = this.viewing);
		this.#lastLook = apiNow();
		try {
			const chain = await this.api.message(this.#call.message_id, viewing.signal);
			if (!viewing.signal.aborted) this.#showChain(chain);
		} catch (error) {
			if (viewing.signal.aborted || this.#chain.length) return;
			const said = remark(`The attempts of this message could not be loaded. ${problem(error)[0]}.`);
			reveal(this.#attempts, said, button("Try again", () => this.#look()));
		} finally {
			if (this.#looking === viewing) this.#looking = null;
		}
	}

	#showChain(chain) {
		const before = this.#chain.length;
		if (chain.length <= before) return;
		this.#chain = chain;
		reveal(this.#attempts, timeline(chain, this.id, this.open));
		this.tick();
		if (before) this.#tellArrived(chain.at(-1));
	}

	#tellArrived(newest) {
		const text = `Attempt ${newest.attempt}: ${inWords(newest)}`;
		if (this.#resentAt && newest.trigger === "resend") {
			this.#resentAt = null;
			this.tell(text, button("View attempt", () => this.open(newest.execution_id)));
		} else say(this.panel, text);
		this.changed();
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

/** Label, how it is written and read, attributes. */
const BOXES = {
	name: ["Name", orEmpty, String],
	url: ["URL", orEmpty, String],
	headers: ["Headers", headerLines, readHeaders, { rows: 3, placeholder: "X-Shop: berlin" }],
	event_types: ["Event types", (types = []) => types.join(" "), words, { placeholder: "all" }],
	topic: ["Topic", orEmpty, orNull],
	timeout_seconds: ["Timeout in seconds", (seconds = 15) => seconds, Number],
	retry_schedule: ['Retry delays in seconds, or "none"', (delays) => (delays ? delays.join(" ") || "none" : ""), readDelays,
		{ placeholder: "default" }],
	transformation: ["Transformation (JSONata)", orEmpty, orNull, { rows: 4, placeholder: '{"text": payload.order}' }],
};
const ID = { required: true, pattern: "(?!\\.\\.?$)[A-Za-z0-9_.\\-]{1,128}", title: "1 to 128 characters: A-Z a-z 0-9 _ . -" };

function box(name, text, value, more) {
	const [id, wrong] = [`box-${name}`, `wrong-${name}`];
	const kind = more?.rows ? "textarea" : "input";
	const made = h(kind, { id, name, "aria-describedby": wrong, ...UNAIDED, ...more });
	made.value = value;
	return h("div", h("label", { for: id }, text), made, h("p.wrong", { id: wrong }));
}

const complain = (box, text) => fill(box.nextElementSibling, text);
const off = ({ disabled_reason: reason }) => (reason ? h("p.wrong", foreign(`Disabled: ${reason}`)) : []);

function drySent(answer) {
	if (answer.error) return remark(sentence(answer.error.message));
	return answer.skipped ? remark("Nothing would be sent.") : bodyBlock("Transformed payload", answer);
}

class WebhookSheet extends Sheet {
	kind = "Webhook";
	parameter = "edit";
	scope = "webhooks:read";
	gone = ["Webhook not found", "It was deleted or never added."];

	#saved = false;
	#webhook;
	#form;
	#payload;
	#dryRun = h("div.dry-run");
	#soon;

	at(id) {
		return path`/webhooks/${id}`;
	}

	setUp = () => {
		this.begin();
		this.#webhook = null;
		this.render([this.panel, this.#editor({}, box("webhook_id", "ID", "", ID))], "New webhook");
		this.#form.elements.webhook_id.focus();
	};

	show(webhook) {
		this.#webhook = webhook;
		writeAddress({ edit: this.id });
		const parts = [this.panel, off(webhook), this.#editor(webhook), this.#tests()];
		if (this.api.allows(RESEND)) parts.push(this.#recovery());
		this.render(parts, webhook.name || this.id, this.#actions());
		if (webhook.transformation) this.#tryDry();
	}

	closed() {
		super.closed();
		clearTimeout(this.#soon);
		if (this.#saved) this.changed(this.id);
		this.#saved = false;
	}

	#actions() {
		const rotate = "Create a new secret? The old one also signs for 24 more hours.";
		const remove = "Delete this webhook? Messages for it will fail. Its history is kept until it expires.";
		return [
			button("Show secret", () => this.#secret("GET")),
			this.asking("Rotate secret", rotate, () => this.#secret("POST")),
			this.asking("Delete", remove, () => this.#delete(), "danger"),
		];
	}

	#editor(webhook, first = []) {
		const boxes = Object.entries(BOXES).map(([name, [text, write, , more]]) => box(name, text, write(webhook[name]), more));
		fill(this.#dryRun);
		const enabled = h("label.live", toggle({ name: "enabled", checked: webhook.enabled }), "Enabled");
		return (this.#form = h("form", { "aria-label": "Webhook", submit: this.#save, input: this.#trySoon },
			first, boxes, this.#dryRun, enabled, h("button.primary", "Save"),
		));
	}

	#save = async () => {
		const { elements } = this.#form;
		const fields = { ...this.#webhook, enabled: elements.enabled.checked };
		for (const [name, [, , read]] of Object.entries(BOXES)) {
			fields[name] = read(elements[name].value);
		}
		if (!this.#webhook) this.id = elements.webhook_id.value;
		const answer = await this.attempt("PUT", "", fields);
		if (!answer) return;
		const { secret, ...webhook } = answer;
		this.#saved = true;
		this.show(webhook);
		if (secret) this.#tellSecret("Webhook added.", secret);
		else this.tell("Saved. The change takes effect within 30 seconds.");
	};

	refused(error, rest) {
		const { status, message, errors } = error;
		const wrong = errors.map((each) => [this.#complaints.find(({ id }) => id === `wrong-${each.field}`), each.message]);
		if (status === 409 && rest === "/recover") this.tell(sentence(message));
		else if (status === 409 && this.#webhook) {
			const reload = button("Reload", () => this.open(this.id));
			this.tell("Someone else changed this webhook. Reload it; your edits will be lost.", reload);
		} else if (wrong.some(([complaint]) => complaint)) {
			const here = wrong.filter(([complaint]) => complaint);
			const others = wrong.filter(([complaint]) => !complaint);
			for (const [complaint, text] of here) fill(complaint, sentence(text));
			if (others.length) this.tell(others.map(([, text]) => sentence(text)).join(" "));
			here[0][0].previousElementSibling.focus();
		} else super.refused(error);
	}

	get #complaints() {
		return [...this.element.querySelectorAll("p.wrong[id]")];
	}

	attempt(method, rest, body) {
		if (body) for (const complaint of this.#complaints) fill(complaint);
		return super.attempt(method, rest, body);
	}

	async #secret(method) {
		const answer = await this.attempt(method, "/secret");
		const until = answer?.previous_valid_until;
		if (answer) this.#tellSecret(until ? `The old secret also signs until ${exact(until)}.` : "", answer.secret);
	}

	#tellSecret(text, secret) {
		this.tell(`${text} Receivers verify signatures with this secret:`, h("code", secret), copyButton("secret", secret));
	}

	async #delete() {
		if ((await this.attempt("DELETE")) === undefined) return;
		this.#saved = true;
		this.element.close();
	}

	#tests() {
		const result = h("div.details");
		const send = async () => {
			const request = this.#sample();
			const call = request && (await this.attempt("POST", "/test", request));
			if (!call) return;
			fill(result, factList(call), ...details(call));
			say(result, `Test result: ${inWords(call)}`);
		};
		const sample = box("payload", "Sample payload", '{\n  "order": 1042\n}', { rows: 4 });
		this.#payload = sample.children[1];
		const said = remark("Sends a request with the saved settings, even when the webhook is disabled.");
		const parts = [h("h3", "Test"), said, sample, h("button", "Send test"), result];
		return h("form", { submit: send, input: this.#trySoon }, parts);
	}

	#sample(more) {
		try {
			complain(this.#payload, "");
			return { payload: JSON.parse(this.#payload.value), ...more };
		} catch {
			complain(this.#payload, "The payload is not valid JSON.");
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
		const asked = this.api.ask("POST", `${this.at(this.id)}/test`, signal, request);
		const shown = await asked.then(drySent, (error) => remark(sentence(error.message)));
		if (!signal.aborted && soon === this.#soon) fill(this.#dryRun, shown);
	}

	#recovery() {
		const since = box("since", "Start time", "", { type: "datetime-local", required: true });
		const start = () => this.#recover(new Date(since.children[1].value));
		const said = remark("Resends messages that failed since this time and were not delivered later.");
		return h("form", { submit: start }, h("h3", "Recover"), said, since, h("button", "Recover"));
	}

	async #recover(since) {
		const { signal } = this.viewing;
		const started = await this.attempt("POST", "/recover", { since });
		while (started && !signal.aborted) {
			const progress = await this.attempt("GET", path`/recover/${started.recovery_id}`);
			if (!progress) return;
			const said = { running: "Recovery running", done: "Recovery finished", stopped: "Recovery stopped" }[progress.status];
			this.tell(`${said}: ${progress.found} found, ${progress.queued} queued.`);
			if (progress.status !== "running") return;
			await new Promise((wake) => setTimeout(wake, LOOK_MS));
		}
	}
}

class WebhookList extends Pages {
	what = "webhook";
	scope = "webhooks:read";
	sheet = new WebhookSheet(this.api, (id) => this.start(id));

	#edited;
	#head = h("div.head");
	#list = h("ul");

	constructor(api, openHistory) {
		super(api, openHistory);
		this.begin(this.#head, this.#list, this.sheet.element);
	}

	start(edited) {
		this.#edited = edited;
		const setUp = this.api.allows(MANAGE) ? button("Add webhook", this.sheet.setUp, "primary") : [];
		fill(this.#head, h("h2.webhook", "Webhooks"), button("Refresh", () => this.start()), setUp);
		if (edited) this.#head.lastElementChild.focus();
		fill(this.#list);
		this.load();
	}

	older(signal) {
		return this.api.ask("GET", `/webhooks?${this.cursor ? path`cursor=${this.cursor}` : ""}`, signal);
	}

	show({ webhooks, next_cursor: cursor }) {
		this.cursor = cursor;
		this.offerMore(cursor);
		this.#list.append(...webhooks.map((webhook) => this.#row(webhook)));
		const { length } = this.#list.children;
		const text = "Add the first one. Messages with its ID are then sent to its URL.";
		this.showState(length ? [] : notice(["No webhooks yet", text]));
		this.sayCount(length);
	}

	#row(webhook) {
		const { webhook_id: id, url, event_types: types, enabled } = webhook;
		const name = webhook.name || id;
		const texts = [id, url, types.join(" ") || "all event types"].map((text) => h("bdi.id", text));
		const edit = button("Edit", () => this.sheet.open(id), null, { "aria-label": `Edit ${name}` });
		if (id === this.#edited) queueMicrotask(() => edit.focus());
		return h("li",
			h("div", h("bdi.name", name), texts, off(webhook)),
			h(`span.badge.${enabled ? "success" : "unreached"}`, enabled ? "Enabled" : "Disabled"),
			this.api.allows(MANAGE) ? edit : [],
			button("Open history", () => this.go(id), null, { "aria-label": `Open history of ${name}` }),
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
	#views = h("form.views", { change: () => this.#choose(this.#views.elements.view.value) },
		choices("View", "view", "", ["", "History"], ["webhooks", "Webhooks"]),
	);
	#question = h("div", { role: "alert", hidden: true });
	#managing = false;
	#clocks;

	constructor() {
		super();
		// set early
		this.#api.renewToken = this.renewToken;
		delete this.renewToken;
		const href = new URL("webhook-history.css", import.meta.url);
		const show = () => (whole.hidden = false);
		const parts = [this.#list, this.#view, this.#webhooks].map(({ element }) => element);
		const whole = h("div.history", { hidden: true, tabindex: "-1", submit: (event) => event.preventDefault() },
			this.#question, this.#views, parts,
		);
		this.attachShadow({ mode: "open" }).append(h("link", { rel: "stylesheet", href, load: show, error: show }), whole);
	}

	get renewToken() {
		return this.#api.renewToken;
	}

	set renewToken(renew) {
		this.#api.renewToken = renew;
		if (this.#clocks && !this.#api.token) this.#start();
	}

	connectedCallback() {
		addEventListener("hashchange", this.#addressChanged);
		this.#clocks = [setInterval(() => this.#list.tick(), CLOCK_MS), setInterval(() => this.#view.tick(), 1000)];
		this.#start();
	}

	disconnectedCallback() {
		removeEventListener("hashchange", this.#addressChanged);
		this.#clocks.forEach(clearInterval);
		this.#clocks = null;
		for (const part of [this.#list, this.#view, this.#webhooks, this.#webhooks.sheet]) part.stop();
		for (const sheet of [this.#view, this.#webhooks.sheet]) sheet.element.open = false;
	}

	attributeChangedCallback(name, before, after) {
		if (!this.#clocks || before === after) return;
		if (name !== "token" || !before || !after) return this.#start();
		this.#api.token = after;
		this.#api.renewed();
		(this.#managing ? this.#webhooks : this.#list).again?.();
	}

	#addressChanged = () => {
		if (fragment().has("token")) this.#start();
	};

	#start() {
		const api = this.#api;
		this.#question.hidden = true;
		api.token = this.getAttribute("token") || (api.renewToken ? api.token : this.#tokenOfPage());
		const { webhook, execution, edit } = readAddress();
		api.webhook = this.getAttribute("webhook") || webhook;
		api.base = new URL(this.getAttribute("api") ?? ".", document.baseURI).href.replace(/\/$/, "");
		api.renewed = () => this.#offer() !== this.#managing && this.#show();
		this.#show();
		if (!this.#question.hidden) return;
		if (this.#managing) edit && api.allows(MANAGE) && this.#webhooks.sheet.open(edit);
		else if (execution && api.ready) this.#view.open(execution);
	}

	/** Nobody's session ends because they followed a link. */
	#tokenOfPage() {
		const [given, mine] = [tokenFromAddress(), keptToken()];
		const other = given && mine && isCurrent(mine) && !sameAccess(given, mine);
		if (other) this.#ask(given);
		return other ? mine : keptToken(given);
	}

	#ask(token) {
		const answer = (chosen) => () => {
			keptToken(chosen);
			this.#start();
			this.#question.parentElement.focus();
		};
		const text = "It differs from your current access. Switch only if you expected this.";
		reveal(this.#question, notice(["Switch to the access in this link?", text],
			button("Keep mine", answer(), "primary"),
			button("Switch", answer(token)),
		));
	}

	#offer() {
		this.#views.hidden = !["webhooks:read", MANAGE].some((scope) => this.#api.allows(scope));
		return !this.#views.hidden && readAddress().view === "webhooks";
	}

	#show() {
		const webhooks = (this.#managing = this.#offer());
		this.#views.elements.view[webhooks ? 1 : 0].checked = true;
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
		if (this.hasAttribute("webhook")) this.setAttribute("webhook", id);
		this.#start();
		this.#views.querySelector(":checked").focus();
	}
}

customElements.define("webhook-history", WebhookHistory);
