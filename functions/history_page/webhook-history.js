/**
 * The web component <webhook-history api webhook token>. Text from receivers, producers and links is never HTML.
 *
 * Sections, each headed by "// ----": elements, times, JSON, address bar, API, notices, list, chart, one execution,
 * attempts, lists with pages, dialogs, webhooks, component.
 */

const [FIRST_PAGE_SIZE, LATER_PAGE_SIZE, MAX_NEW_PAGES] = [50, 200, 5];
// an execution is logged when it ends, at most this long after its start
const LATEST_LOG_MS = 35_000;
const REQUEST_TIMEOUT_MS = 30_000;
const TIMES_UPDATE_MS = 15_000;
const DRY_RUN_DELAY_MS = 400;
const LIVE_UPDATE_MS = 3_000;
const [ATTEMPTS_POLL_MS, LATE_ATTEMPTS_POLL_MS] = [1_500, 30_000];
const MAX_COLOURED_LENGTH = 50_000;
const MAX_EXPANDED_LINES = 60;
const MAX_FOLD_DEPTH = 20;
const MAX_BARS = 48;
const TOKEN_KEY = "hooklog.token";
const [RESEND, MANAGE] = ["executions:resend", "webhooks:manage"];

// ---- elements and announcements

/** Creates an element: "p.look" is its name and classes; attributes that are functions are event listeners. */
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
const setText = (element, text) => element.textContent === text || fill(element, text);

function reveal(element, ...children) {
	fill(element, children);
	element.hidden = false;
}

const createButton = (text, click, look, more) => h("button", { type: "button", class: look, click, ...more }, text);
const createSwitch = (more) => h("input", { type: "checkbox", role: "switch", ...more });
const NO_AUTOCOMPLETE = { autocomplete: "off", spellcheck: "false" };
/** Text from others, whose direction must not affect the text around it. */
const isolate = (text) => h("bdi", String(text));

function announce(from, text) {
	from.dispatchEvent(new CustomEvent("said", { bubbles: true, detail: text }));
}

function createLiveRegion(heard, look) {
	const region = h(`p.${look}`, { role: "status" });
	heard.addEventListener("said", (event) => {
		event.stopPropagation();
		setText(region, event.detail);
	});
	return region;
}

// ---- times and sizes

const RELATIVE_TIME = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const EXACT_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const SHORT_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const TIME_UNITS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7]];

/** How far the API's clock is ahead of the viewer's, which may be wrong. */
let aheadMs = 0;
const getApiTime = () => Date.now() + aheadMs;

function readClock(date) {
	aheadMs = Math.round((Date.parse(date) - Date.now()) / 10_000) * 10_000 || 0;
}

function formatTimeAgo(iso) {
	let distance = (Date.parse(iso) - getApiTime()) / 1000;
	if (Math.abs(distance) < 10) return "just now";
	for (const [unit, most] of TIME_UNITS) {
		if (Math.abs(distance) < most) return RELATIVE_TIME.format(Math.round(distance), unit);
		distance /= most;
	}
	return SHORT_TIME.format(Date.parse(iso));
}

const parseTime = ({ executed_at: at }) => Date.parse(at);
const formatExactTime = (iso) => EXACT_TIME.format(Date.parse(iso));
const createTime = (iso) => h("time", { datetime: iso, title: formatExactTime(iso) }, formatTimeAgo(iso));

function formatTimeSpan(ms) {
	const seconds = Math.round(ms / 1000);
	const units = [["d", 86_400, 365], ["h", 3600, 24], ["min", 60, 60], ["s", 1, 60]];
	const parts = units.map(([unit, of, most]) => [Math.floor(seconds / of) % most, unit]);
	const first = parts.findIndex(([count]) => count > 0);
	return first < 0 ? "0 s" : parts.slice(first, first + 2).map((part) => part.join(" ")).join(" ");
}

const NUMBER = new Intl.NumberFormat("en");
const formatCount = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const formatScaled = (number, by, unit) => `${(number / by).toFixed(1)} ${unit}`;

const formatDuration = (ms) => (ms < 1000 ? `${ms} ms` : formatScaled(ms, 1000, "s"));
const formatSize = (bytes) =>
	bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? formatScaled(bytes, 1000, "kB") : formatScaled(bytes, 1e6, "MB");

function toStartOfDay(day, daysLater = 0) {
	const [year, month, date] = day.split("-").map(Number);
	return new Date(year, month - 1, date + daysLater).toISOString();
}

// ---- JSON, unchanged but formatted

function isJson(text) {
	try {
		return typeof JSON.parse(text) === "object";
	} catch {
		return false;
	}
}

const startLine = (depth) => `\n${"  ".repeat(Math.min(depth, MAX_FOLD_DEPTH))}`;

function* formatJson(text) {
	let depth = 0;
	const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
	for (let at = 0; at < tokens.length; at++) {
		const [token, next] = [tokens[at], tokens[at + 1]];
		if (["{}", "[]"].includes(token + next)) yield [token + tokens[++at]];
		else if ("{[".includes(token)) {
			yield [token, "open"];
			yield [startLine(++depth)];
		} else if ("}]".includes(token)) {
			yield [startLine(--depth)];
			yield [token, "close"];
		} else if (token === ",") yield [token + startLine(depth), "comma"];
		else if (token === ":") yield [": "];
		else yield [token, next === ":" ? "key" : token[0] === '"' ? "string" : "literal"];
	}
}

class Fold {
	items = 1;
	inside = h("span");

	constructor(key) {
		this.key = key;
		this.button = createButton("", () => this.setExpanded(this.inside.hidden), "fold");
		this.setExpanded(true);
	}

	setExpanded(open) {
		this.inside.hidden = !open;
		this.button.setAttribute("aria-expanded", open);
	}

	close() {
		this.button.dataset.items = formatCount(this.items, "item");
		this.button.setAttribute("aria-label", `${this.key} ${this.button.dataset.items}`);
	}
}

function foldJson(parts) {
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

function formatBody(text) {
	if (!isJson(text)) return { content: text };
	const parts = [...formatJson(text)];
	const plain = parts.map(([part]) => part).join("");
	if (text.length > MAX_COLOURED_LENGTH || plain.includes(startLine(MAX_FOLD_DEPTH))) return { content: plain };
	const { whole, folds } = foldJson(parts);
	if (plain.split("\n").length > MAX_EXPANDED_LINES) for (const fold of folds) fold.setExpanded(false);
	return { content: whole, folds };
}

// ---- the address bar

const EMPTY_FILTER = { status: "", from: "", to: "", message: "" };
const FILTER_NAMES = Object.keys(EMPTY_FILTER);

function readAddress() {
	const query = new URLSearchParams(location.search);
	const names = [...FILTER_NAMES, "execution", "webhook", "view", "edit"];
	const given = Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""]));
	const day = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) && isFinite(Date.parse(text)) ? text : "");
	const status = ["success", "failure"].includes(given.status) ? given.status : "";
	return { ...given, status, ...sortDays(day(given.from), day(given.to)) };
}

const sortDays = (from, to) => from && to && from > to ? { from: to, to: from } : { from, to };

function writeAddress(changes) {
	const url = new URL(location.href);
	for (const [name, value] of Object.entries(changes)) {
		if (value) url.searchParams.set(name, value);
		else url.searchParams.delete(name);
	}
	history.replaceState(history.state, "", url);
}

const buildQuery = ({ status, from, to }) =>
	({ ...(status && { status }), ...(from && { from: toStartOfDay(from) }), ...(to && { to: toStartOfDay(to, 1) }) });

function matchesFilter(execution, filter) {
	const { status, from = "", to = "~" } = buildQuery(filter);
	const at = execution.executed_at;
	return (!status || execution.success === (status === "success")) && from <= at && at < to;
}

const readFragment = () => new URLSearchParams(location.hash.slice(1));

function takeToken() {
	const [token, webhook] = ["token", "webhook"].map((name) => readFragment().get(name));
	if (token) history.replaceState(history.state, "", location.pathname + location.search);
	if (token && webhook) writeAddress({ webhook });
	return token;
}

/** For browsers that block session storage. */
let tokenInMemory = null;

function storeToken(token) {
	tokenInMemory = token ?? tokenInMemory;
	try {
		if (token) sessionStorage.setItem(TOKEN_KEY, token);
		return sessionStorage.getItem(TOKEN_KEY);
	} catch {
		return tokenInMemory;
	}
}

/** The claims of a token, unverified: only the API verifies them. */
function decodeClaims(token) {
	try {
		return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))) ?? {};
	} catch {
		return {};
	}
}

/** Compares all claims that do not change when a token is renewed. */
function haveSameAccess(...tokens) {
	const [one, other] = tokens.map(decodeClaims).map(({ exp, iat, nbf, jti, ...access }) => JSON.stringify(access));
	return one === other;
}

const isUnexpired = (token) => decodeClaims(token).exp * 1000 > getApiTime();

// ---- the API

/** Status 0: no response. */
class ApiError extends Error {
	constructor(status, { message = `The API responded with status ${status}.`, errors = [] } = {}) {
		super(message);
		Object.assign(this, { status, errors });
	}
}

/** A path of the API, with its IDs escaped. */
const escapePath = (texts, ...ids) => String.raw({ raw: texts }, ...ids.map(encodeURIComponent));

class Api {
	base;
	webhook;
	token;
	renewToken;
	renewed;

	get isReady() {
		return (this.token || this.renewToken) && this.webhook;
	}

	/** Decides only what the page offers: the API checks the token. */
	allows(scope) {
		return String(decodeClaims(this.token).scope).split(" ").includes(scope);
	}

	get executions() {
		return escapePath`/webhooks/${this.webhook}/executions`;
	}

	async listAttempts(id, signal) {
		const { executions } = await this.request("GET", escapePath`/messages/${id}/executions`, signal);
		return executions.filter(({ webhook_id: id }) => id === this.webhook);
	}

	async request(...given) {
		if (!this.token) await this.#renewToken();
		try {
			return await this.#send(...given);
		} catch (error) {
			if (error.status !== 401 || !this.renewToken) throw error;
			await this.#renewToken();
			return this.#send(...given);
		}
	}

	async #send(method, at, signal, body) {
		try {
			const response = await fetch(this.base + at, {
				method,
				headers: { Authorization: `Bearer ${this.token}`, ...(body && { "Content-Type": "application/json" }) },
				body: body && JSON.stringify(body),
				signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
				cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
			});
			readClock(response.headers.get("Date"));
			const content = response.status === 204 ? null : await response.json();
			if (response.ok) return content;
			throw new ApiError(response.status, content?.error ?? {});
		} catch (error) {
			throw error instanceof ApiError || signal.aborted ? error : new ApiError(0, error);
		}
	}

	async #renewToken() {
		try {
			this.token = await this.renewToken();
			this.renewed();
		} catch {
			throw new ApiError(401);
		}
	}
}

// ---- notices and errors

function describeError(error, scope = "executions:read") {
	const failure = (title, text) => [title, text, "failure"];
	if (error.status === 0) return failure("The API cannot be reached", "Check your connection, then try again.");
	if (error.status === 401)
		return failure("Your access has expired", "Open the history again from your application, or try again.");
	const message = toSentence(error.message);
	if (error.status === 403)
		return ["No permission", `${message} You need a token for this webhook with the scope ${scope}.`];
	return failure(error.status === 429 ? "Too many requests" : "Request failed", message);
}

function toSentence(text) {
	return text.charAt(0).toUpperCase() + text.slice(1).replace(/[^.!?]$/, "$&.");
}

const createNotice = ([title, text, look = ""], ...more) => h(`div.notice.${look}`, h("h3", title), h("p", text), more);

function createFirstMessageNotice(webhook) {
	const url = "https://example.com/webhooks";
	const message = { webhook_id: webhook, url, event_type: "order.created", payload: { order: 1042 } };
	const group = `--message-group-id ${quoteForShell(webhook)}`;
	const body = `--message-body ${quoteForShell(JSON.stringify(message, null, 2))}`;
	const command = `aws sqs send-message --queue-url "$QUEUE_URL" ${group} \\\n  ${body}`;
	const text = "Put the first message on the queue to see it here.";
	return createNotice(["Nothing sent yet", text], createBlock("Command", { content: command }, command));
}

const createSkeleton = (lines) => h("div.skeleton", Array.from({ length: lines }, () => h("div.bar")));

// ---- the list

const classify = ({ success, result }) => (success ? "success" : result === 0 ? "unreached" : "failure");

/** Why there is no status, by the error's type. */
const NO_RESPONSE = {
	dns_failure: "DNS failed",
	connection_refused: "Connection refused",
	connect_timeout: "Timed out",
	read_timeout: "Timed out",
	deadline_exceeded: "Timed out",
	tls_error: "TLS failed",
	connection_reset: "Connection closed",
	protocol_error: "Invalid response",
	blocked_address: "Blocked address",
	invalid_url: "Not sent: invalid URL",
	transformation_error: "Not sent: transformation failed",
	unknown_webhook: "Not sent: unknown webhook",
	disabled_webhook: "Not sent: webhook disabled",
};

function describeResult({ skipped, result, error_type: listed, error }) {
	if (skipped) return "Skipped";
	return result === 0 ? `0 · ${NO_RESPONSE[error?.type ?? listed] ?? "No response"}` : String(result);
}

const createBadge = (execution) => h(`span.badge.${classify(execution)}`, describeResult(execution));

const describeAttempt = ({ attempt, trigger }) => (trigger === "event" ? `${attempt}` : `${attempt} · ${trigger}`);

function createNextAttempt({ next_attempt_at: next, exhausted }) {
	return next ? createTime(next) : exhausted ? "none" : "–";
}

function createCell(kind, ...children) {
	const made = h(`td.${kind}`, { role: "cell" }, children);
	made.style.setProperty("--area", kind);
	return made;
}

function createRow(execution, view) {
	const { event_type: event = "–", executed_at: at, execution_id: id } = execution;
	const name = `View ${event}, ${describeResult(execution)}, ${formatExactTime(at)}`;
	return h("tr", { role: "row" },
		createCell("time", createTime(at)),
		createCell("result", createBadge(execution)),
		createCell("event", isolate(event), h("bdi.id", execution.message_id)),
		createCell("attempt", isolate(describeAttempt(execution))),
		createCell("duration", formatDuration(execution.duration_ms)),
		createCell("next", createNextAttempt(execution)),
		createCell("open", createButton("View", () => view(id), "view", { "aria-label": name })),
	);
}

function createTable(body) {
	const headings = ["Time", "Result", "Event", "Attempt", "Duration", "Next attempt", "View"].map((name) =>
		h("th", { role: "columnheader", scope: "col", class: name.toLowerCase().split(" ")[0] }, name),
	);
	const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, headings));
	return h("table", { role: "table", "aria-label": "Executions, newest first" }, head, body);
}

function createRadioGroup(legend, name, chosen, ...given) {
	const choice = ([value, text]) =>
		h("label", h("input", { type: "radio", name, value, checked: value === chosen }), h("span", text));
	return h("fieldset.choices", h("legend.unseen", legend), given.map(choice));
}

function createFilterForm(filter, change) {
	const field = (name, text, more) =>
		h(`label.field.${name}`, text, h("input", { name, value: filter[name], ...NO_AUTOCOMPLETE, ...more }));
	return h("form.filter", { "aria-label": "Filter", change, search: change },
		createRadioGroup("Result", "status", filter.status, ["", "All"], ["success", "Succeeded"], ["failure", "Failed"]),
		field("from", "From", { type: "date" }),
		field("to", "To", { type: "date" }),
		field("message", "Message ID", { type: "search" }),
	);
}

// ---- the chart above the list

const BAR_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400, 604_800, 2_592_000, 31_536_000];

function countPerBar(executions) {
	const times = executions.map(parseTime);
	const [newest, oldest] = [times[0], times.at(-1)];
	const wide = (seconds) => (newest - oldest) / 1000 / seconds < MAX_BARS - 1;
	const width = 1000 * BAR_SECONDS.find(wide);
	const zone = new Date(oldest).getTimezoneOffset() * 60_000;
	const start = Math.floor((oldest - zone) / width) * width + zone;
	const bars = [];
	for (let from = start; from <= newest; from += width) bars.push({ from, to: from + width, succeeded: 0, failed: 0 });
	executions.forEach(({ success }, at) => {
		bars[Math.floor((times[at] - start) / width)][success ? "succeeded" : "failed"]++;
	});
	return bars;
}

const formatCounts = ({ succeeded, failed }) => `${NUMBER.format(succeeded)} succeeded, ${NUMBER.format(failed)} failed`;

function createBar(counted, most) {
	const parts = ["succeeded", "failed"].map((kind) => {
		const part = h("i", { class: kind, hidden: counted[kind] === 0 });
		part.style.height = `${(100 * counted[kind]) / most}%`;
		return part;
	});
	const title = `${SHORT_TIME.formatRange(counted.from, counted.to)}: ${formatCounts(counted)}`;
	return h("span", { title }, parts);
}

function createChart(executions) {
	const bars = countPerBar(executions);
	const most = Math.max(...bars.map(({ succeeded, failed }) => succeeded + failed));
	const failing = bars.filter(({ failed }) => failed).slice(-5);
	const failures = failing.map(({ from, failed }) => `${failed} at ${SHORT_TIME.format(from)}`).join("; ");
	const name = `Over time: ${failures ? `failures, ${failures}` : "no failures"}`;
	const failed = executions.filter(({ success }) => !success).length;
	const edge = (execution) => h("span", SHORT_TIME.format(parseTime(execution)));
	return [
		h("div.bars", { role: "img", "aria-label": name }, bars.map((counted) => createBar(counted, most))),
		h("p.scale",
			edge(executions.at(-1)),
			h("span", { class: failed > 0 && "failing" }, formatCounts({ succeeded: executions.length - failed, failed })),
			edge(executions[0]),
		),
	];
}

// ---- the parts of one execution

function createCopyButton(what, text, look = "copy", label = "Copy") {
	const copy = async ({ currentTarget: pressed }) => {
		const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
		const show = (text, done) => {
			fill(pressed, text);
			pressed.classList.toggle("copied", !!done);
		};
		show(copied ? "Copied" : "Copy failed", copied);
		announce(pressed, copied ? `Copied ${what}` : "Copy failed");
		setTimeout(show, 1500, label);
	};
	return createButton(label, copy, look, { "aria-label": `Copy ${what}` });
}

function createBlock(title, { content, folds = [] }, copied, remarks = []) {
	const verb = () => (folds.some((fold) => fold.inside.hidden) ? "Expand" : "Collapse");
	const turn = ({ currentTarget }) => {
		const open = verb() === "Expand";
		for (const fold of folds) fold.setExpanded(open);
		fill(currentTarget, verb());
	};
	const actions = [createCopyButton(title, copied)];
	if (folds.length) actions.unshift(createButton(verb(), turn, "copy"));
	const heading = h("div.block-head", h("h3", title), actions);
	const text = h("pre", { tabindex: "0", role: "group", "aria-label": title }, content);
	return h("section.block", heading, remarks, text);
}

const createRemark = (text) => h("p.remark", text);

function createHeaderBlock(title, headers, truncated) {
	const remarks = truncated ? [createRemark("Truncated: the response had more headers.")] : [];
	const content = Object.entries(headers).map(([name, value]) => [h("span.key", name), `: ${value}\n`]);
	return createBlock(title, { content }, formatHeaders(headers), remarks);
}

function createBodyBlock(title, execution, part = "request_body") {
	const ends = ["", "_encoding", "_truncated", "_bytes", "_note", "_charset"];
	const [body, encoding, truncated, bytes, note, charset] = ends.map((end) => execution[part + end]);
	const remarks = note ? [note] : [];
	if (charset) remarks.push(`Decoded from ${charset}.`);
	if (execution[part.replace("body", "incomplete")])
		remarks.push("Incomplete: the connection closed early, or time ran out.");
	const binary = encoding === "base64";
	if (binary) remarks.push("Not UTF-8 text: shown as base64.");
	if (truncated) {
		const kept = charset ? "characters" : formatSize(binary ? atob(body).length : new Blob([body]).size);
		remarks.push(`Truncated: only the first ${kept}${bytes == null ? "" : ` of ${formatSize(bytes)}`} are stored.`);
	}
	const shown = !body ? { content: h("span.muted", "empty") } : encoding ? { content: body } : formatBody(body);
	return createBlock(title, shown, body, remarks.map(createRemark));
}

function* listFacts(execution) {
	const { error, url, executed_at: at } = execution;
	yield ["Result", createBadge(execution), execution.result, execution.result === 0 && !execution.skipped && "wide"];
	if (!execution.success) yield ["Hard Error", ...Array(2).fill(execution.hard_error ? "yes" : "no")];
	yield ["Attempt", isolate(describeAttempt(execution))];
	yield ["Duration", formatDuration(execution.duration_ms)];
	const wide = (name, copied, shown = isolate(copied)) => [name, shown, copied, "wide"];
	if (error) {
		yield wide("Error", error.type);
		yield wide("Error Message", error.message);
	}
	const duplicates = {
		redelivered: "The queue delivered this message again. It may have been sent twice.",
		resent_on_new_connection: "The connection closed before a response. The request was sent again on a new one.",
	};
	for (const [field, text] of Object.entries(duplicates)) if (execution[field]) yield wide("Possible duplicate", text);
	yield wide("Time", at, formatExactTime(at));
	if (url) yield wide("URL", url, isolate(`${execution.method} ${url}`));
	yield wide("Message ID", execution.message_id);
	yield wide("Execution ID", execution.execution_id);
}

function createFactList(execution) {
	return h("dl.facts", [...listFacts(execution)].map(([name, value, copied, width]) => {
		const copy = copied == null ? [] : createCopyButton(name, String(copied), "icon");
		return h("div", { class: width }, h("dt", name), h("dd", h("span", value), copy));
	}));
}

function* createDetails(execution) {
	const { request_headers: headers, request_body: sent, response_headers: received } = execution;
	if (headers) yield createHeaderBlock("Headers", headers);
	if (sent != null) yield createBodyBlock("Request Body", execution);
	if (execution.response_body != null) yield createBodyBlock("Response Body", execution, "response_body");
	if (received) yield createHeaderBlock("Response Headers", received, execution.response_headers_truncated);
	if (headers || sent != null) return;
	const fate = execution.erased ? "were erased" : "are no longer stored";
	const isSuccess = execution.success && !execution.erased;
	yield createRemark(isSuccess
		? "Headers and bodies are stored for failed executions only."
		: `The headers and bodies of this execution ${fate}.`);
}

const quoteForShell = (text) => /^\w[\w.:/-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

function buildCurl({ url, method, request_headers: headers = {}, request_body: body, request_body_encoding: encoding }) {
	const curls = ["host", "content-length", "accept-encoding", "connection"];
	const own = Object.entries(headers).filter(([name]) => !curls.includes(name.toLowerCase()));
	const binary = encoding === "base64";
	const decoded = binary ? `printf %s ${quoteForShell(body)} | base64 -d | ` : "";
	const lines = [
		`${decoded}curl --globoff -X ${quoteForShell(method)} ${quoteForShell(url)}`,
		...own.map(([name, value]) => `-H ${quoteForShell(value === "" ? `${name};` : `${name}: ${value}`)}`),
	];
	if (body != null) lines.push(binary ? "--data-binary @-" : `--data-raw ${quoteForShell(body)}`);
	return lines.join(" \\\n  ");
}

// ---- the attempts of a message

function describeOutcome([first, ...later]) {
	if (first.skipped) return "Not sent: the transformation returned nothing.";
	if (first.success) return "Delivered on the first attempt.";
	const last = later.at(-1) ?? first;
	const delivered = later.find(({ success }) => success);
	if (delivered) {
		const after = formatTimeSpan(parseTime(delivered) - parseTime(first));
		return `Delivered on attempt ${delivered.attempt}, ${after} after the first.`;
	}
	if (last.next_attempt_at) return "Not delivered yet.";
	return "Not delivered. No more automatic retries.";
}

function createAttemptItem(execution, shown, view) {
	const { execution_id: id, trigger, executed_at: at } = execution;
	const [name, current] = [`Attempt ${execution.attempt}`, id === shown];
	return h("li", { class: classify(execution), "aria-current": current && "true" },
		current ? h("b", name) : createButton(name, () => view(id), "link"),
		createBadge(execution),
		trigger === "event" ? [] : h("span.muted", isolate(trigger)),
		createTime(at),
	);
}

function createTimeline(attempts, shown, view) {
	const items = attempts.map((execution) => createAttemptItem(execution, shown, view));
	const { next_attempt_at: next, attempt: last } = attempts.at(-1);
	if (next) items.push(h("li", `Attempt ${last + 1}`, h("span", { role: "timer", title: formatExactTime(next) })));
	return [h("h3", "Attempts"), h("p", describeOutcome(attempts)), h("ol", items)];
}

// ---- lists with pages

/** A list that loads page by page. */
class PagedList {
	element = h("section");
	loading = new AbortController();
	busy = false;
	tryAgain;
	cursor;

	said = createLiveRegion(this.element, "said");
	state = h("div.state");
	#moreButton = createButton("", () => this.#loadMore(), "more");

	constructor(api, open) {
		this.api = api;
		this.open = open;
	}

	build(...parts) {
		this.element.append(...parts, this.state, this.#moreButton, this.said);
	}

	stop() {
		this.loading.abort();
	}

	tick() {
		for (const time of this.element.querySelectorAll("time")) setText(time, formatTimeAgo(time.dateTime));
	}

	load() {
		this.loading.abort();
		this.loading = new AbortController();
		this.cursor = null;
		this.offerMore(false);
		this.showState(createSkeleton(6));
		return this.loadPage();
	}

	#loadMore() {
		if (this.busy) return;
		this.#moreButton.setAttribute("aria-disabled", "true");
		fill(this.#moreButton, "Loading…");
		this.loadPage();
	}

	async loadPage() {
		const { signal } = this.loading;
		this.busy = true;
		announce(this.said, `Loading ${this.itemName}s…`);
		try {
			const found = await this.loadOlder(signal);
			if (!signal.aborted) this.show(found, this.#moreButton.matches(":focus"));
		} catch (error) {
			if (!signal.aborted) this.showProblem(error, () => this.loadPage());
		} finally {
			if (!signal.aborted) this.busy = false;
		}
	}

	offerMore(more) {
		this.#moreButton.hidden = !more;
		this.#moreButton.removeAttribute("aria-disabled");
		fill(this.#moreButton, "Load more");
	}

	showProblem(error, load) {
		this.offerMore(false);
		const shown = describeError(error, this.scope);
		const tryAgain = () => {
			this.showState(createSkeleton(3));
			load();
		};
		this.showState(createNotice(shown, createButton("Try again", tryAgain)), tryAgain);
		announce(this.said, shown[0]);
	}

	announceCount(count) {
		announce(this.said, formatCount(count || "No", this.itemName) + (this.cursor ? ", and there are more" : ""));
	}

	showState(shown, tryAgain) {
		this.tryAgain = tryAgain;
		fill(this.state, shown);
		this.state.hidden = !this.state.firstChild;
	}
}

class ExecutionList extends PagedList {
	itemName = "execution";

	#filter;
	#listed = [];
	#timer;
	#title = h("h2.webhook");
	#live = createSwitch({ change: () => this.#addNew().then(this.#scheduleLive) });
	#tools = h("div");
	#chart = h("div");
	#rows = h("tbody", { role: "rowgroup" });
	#table = createTable(this.#rows);

	constructor(api, view) {
		super(api, view);
		this.build(this.#tools, this.#chart, this.#table);
	}

	start() {
		this.#filter = readAddress();
		fill(this.#title, isolate(this.api.webhook));
		const live = h("label.live", this.#live, "Live");
		const head = h("div.head", this.#title, live, createButton("Refresh", () => this.refresh()));
		fill(this.#tools, head, createFilterForm(this.#filter, this.#filterChanged));
		this.load();
		this.#scheduleLive();
	}

	stop() {
		super.stop();
		clearTimeout(this.#timer);
	}

	refresh() {
		return this.#listed.length && this.state.hidden ? this.#addNew() : this.load();
	}

	#filterChanged = (event) => {
		const { status, from, to, message } = event.currentTarget.elements;
		const given = { status: status.value, ...sortDays(from.value, to.value), message: message.value.trim() };
		from.value = given.from;
		to.value = given.to;
		if (FILTER_NAMES.every((name) => this.#filter[name] === given[name])) return;
		this.#filter = given;
		writeAddress(given);
		this.load();
	};

	#showAll = () => {
		writeAddress(EMPTY_FILTER);
		this.start();
		this.#tools.querySelector("form input").focus();
	};

	load() {
		this.#listed = [];
		fill(this.#rows);
		this.#showTable();
		this.#tools.hidden = !this.api.isReady;
		if (this.api.isReady) return super.load();
		this.stop();
		this.offerMore();
		this.showState(createNotice(this.api.webhook
			? ["A token is required", "Add #token=<token>&webhook=<webhook ID> to the address of this page."]
			: ["No webhook is selected", "Add ?webhook=<webhook ID> to the address of this page."]));
	}

	/** Skips empty pages: a filtered page may be empty although more follow. */
	async loadOlder(signal) {
		if (this.#filter.message) return this.#loadAttempts(signal);
		const limit = this.#listed.length ? LATER_PAGE_SIZE : FIRST_PAGE_SIZE;
		do {
			const page = await this.#loadExecutions({ limit }, this.cursor, signal);
			this.cursor = page.next_cursor;
			if (page.executions.length || !this.cursor) return page.executions;
		} while (!signal.aborted);
		return [];
	}

	async #loadNewer(signal) {
		if (this.#filter.message) return this.#loadAttempts(signal);
		const since = new Date(parseTime(this.#listed[0]) - LATEST_LOG_MS).toISOString();
		const { from = since } = buildQuery(this.#filter);
		const found = [];
		let cursor = null;
		for (let pages = 0; pages < MAX_NEW_PAGES; pages++) {
			const query = { from: from > since ? from : since, limit: LATER_PAGE_SIZE };
			const page = await this.#loadExecutions(query, cursor, signal);
			found.push(...page.executions);
			cursor = page.next_cursor;
			if (!cursor) return found;
		}
		return null;
	}

	#loadExecutions(query, cursor, signal) {
		const parameters = new URLSearchParams({ ...buildQuery(this.#filter), ...query, ...(cursor && { cursor }) });
		return this.api.request("GET", `${this.api.executions}?${parameters}`, signal);
	}

	async #loadAttempts(signal) {
		const attempts = await this.api.listAttempts(this.#filter.message, signal);
		return attempts.filter((execution) => matchesFilter(execution, this.#filter)).reverse();
	}

	#scheduleLive = () => {
		clearTimeout(this.#timer);
		if (!this.#live.checked || !this.element.isConnected) return;
		const update = () => (document.hidden ? this.#scheduleLive() : this.#addNew().then(this.#scheduleLive));
		this.#timer = setTimeout(update, LIVE_UPDATE_MS);
	};

	async #addNew() {
		const { signal } = this.loading;
		if (this.busy || !this.api.isReady) return;
		try {
			const found = await (this.#listed.length ? this.#loadNewer(signal) : this.loadOlder(signal));
			if (signal.aborted) return;
			if (found === null) await this.load();
			else if (this.#add(found, "fresh").length || !this.state.hidden) this.#showCount();
			else this.announceCount(this.#listed.length);
		} catch (error) {
			if (signal.aborted) return;
			const passes = [0, 429].includes(error.status) || error.status >= 500;
			if (passes && this.#live.checked) return announce(this.said, "Live updates: no response. Retrying…");
			this.#live.checked = false;
			this.showProblem(error, () => this.#addNew());
		}
	}

	show(found, wasOnMore) {
		const rows = this.#add(found);
		this.#showCount();
		if (wasOnMore && !this.cursor) (rows[0] ?? this.#rows.lastElementChild)?.querySelector("button").focus();
	}

	#add(found, look = "") {
		const rows = [];
		let at = 0;
		for (const execution of found) {
			const { execution_id: id } = execution;
			while (this.#listed[at]?.execution_id > id) at++;
			if (this.#listed[at]?.execution_id === id) continue;
			const added = createRow(execution, this.open);
			added.className = look;
			this.#rows.insertBefore(added, this.#rows.children[at] ?? null);
			this.#listed.splice(at, 0, execution);
			rows.push(added);
		}
		return rows;
	}

	#showCount() {
		this.#showTable();
		this.offerMore(this.cursor);
		this.showState(this.#listed.length ? [] : this.#createNothingNotice());
		this.announceCount(this.#listed.length);
	}

	#showTable() {
		this.#table.hidden = !this.#listed.length;
		this.#chart.hidden = this.#listed.length < 2;
		fill(this.#chart, this.#chart.hidden ? [] : createChart(this.#listed));
	}

	#createNothingNotice() {
		if (FILTER_NAMES.every((name) => !this.#filter[name])) return createFirstMessageNotice(this.api.webhook);
		const text = this.#filter.message
			? "This webhook has no execution of that message. Check the ID."
			: "No execution of this webhook matches the filter.";
		return createNotice(["Nothing matches", text], createButton("Show all", this.#showAll));
	}
}

// ---- dialogs

class DetailsDialog {
	viewing = new AbortController();
	panel = h("div.panel", { hidden: true });
	element = h("dialog", {
		"aria-labelledby": "viewed",
		close: () => this.onClose(),
		mousedown: ({ target, offsetX: x }) => target === this.element && x < 0 && target.close(),
	});

	#said = createLiveRegion(this.element, "unseen");

	constructor(api, changed) {
		this.api = api;
		this.changed = changed;
	}

	open = async (id) => {
		const { signal } = this.begin();
		this.id = id;
		writeAddress({ [this.parameter]: id });
		this.render(createSkeleton(5));
		try {
			const found = await this.api.request("GET", this.at(id), signal);
			if (!signal.aborted) this.show(found);
		} catch (error) {
			if (signal.aborted) return;
			const tryAgain = createButton("Try again", () => this.open(id));
			const shown = error.status === 404 ? [this.notFound] : [describeError(error, this.scope), tryAgain];
			this.render(createNotice(...shown));
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

	onClose() {
		this.stop();
		fill(this.element);
		writeAddress({ [this.parameter]: "" });
	}

	render(children, title = this.kind, actions = []) {
		const close = createButton("Close", () => this.element.close(), "close");
		const head = h("header", h("h2", { id: "viewed" }, isolate(title)), close);
		fill(this.element, head, h("div.details", h("div.actions", ...actions), children), this.#said);
		if (!this.element.open) this.element.showModal();
		close.focus();
	}

	createConfirmedButton(text, question, act, look) {
		const ask = () => {
			const asked = h("p", { tabindex: "-1" }, isolate(question));
			const confirm = (event) => {
				event.currentTarget.disabled = true;
				act();
			};
			const cancel = () => {
				this.panel.hidden = true;
				opener.focus();
			};
			reveal(this.panel, asked, createButton(text.split(" ")[0], confirm, "primary"), createButton("Cancel", cancel));
			asked.focus();
		};
		const opener = createButton(text, ask, look);
		return opener;
	}

	showMessage(text, ...more) {
		reveal(this.panel, h("p", isolate(text)), more);
		announce(this.panel, text);
	}

	/** Returns undefined after an error, which it has shown. */
	async request(method, rest = "", body) {
		const { signal } = this.viewing;
		try {
			const response = await this.api.request(method, this.at(this.id) + rest, new AbortController().signal, body);
			return signal.aborted ? undefined : response;
		} catch (error) {
			if (!signal.aborted) this.showError(error, rest);
		}
	}

	showError(error) {
		this.showMessage(describeError(error).slice(0, 2).join(". "));
	}
}

// ---- the dialog of an execution

class ExecutionDialog extends DetailsDialog {
	kind = "Execution";
	parameter = "execution";
	notFound = ["Execution not found", "It has expired, or it belongs to another webhook."];

	#execution;
	#attempts = [];
	#resentAt;
	#lastLoadMs = 0;
	#loadingFor = false;
	#attemptsSection = h("section.attempts", { hidden: true });

	at(id) {
		return this.api.executions + escapePath`/${id}`;
	}

	stop() {
		super.stop();
		this.#execution = this.#resentAt = null;
		this.#attempts = [];
		this.#attemptsSection.hidden = true;
	}

	tick() {
		if (!this.#execution || document.hidden) return;
		const now = getApiTime();
		const due = Date.parse(this.#attempts.at(-1)?.next_attempt_at);
		const timer = this.#attemptsSection.querySelector("[role=timer]");
		if (timer) fill(timer, due > now ? `in ${formatTimeSpan(due - now)}` : "due now");
		const late = now - (this.#resentAt ?? due);
		if (this.#resentAt && late > 60_000) {
			this.#resentAt = null;
			this.showMessage("Still on the queue after a minute. It will appear in the list once it is sent.");
		}
		const interval = late < 60_000 ? ATTEMPTS_POLL_MS : LATE_ATTEMPTS_POLL_MS;
		if (late >= 0 && now - this.#lastLoadMs >= interval) this.#loadAttempts();
	}

	show(execution) {
		this.#execution = execution;
		const parts = [this.panel, createFactList(execution), this.#attemptsSection, ...createDetails(execution)];
		this.render(parts, execution.event_type, this.#createActions(execution));
		this.#loadAttempts();
	}

	*#createActions(execution) {
		const sent = execution.request_body != null;
		if (sent && execution.trigger !== "test" && this.api.allows(RESEND)) {
			const question = `Resend this message to ${execution.url ?? "its webhook"} now?`;
			yield this.createConfirmedButton("Resend", question, () => this.#resend(), "primary");
		}
		if (execution.url && sent) yield createCopyButton("as cURL", buildCurl(execution), null, "Copy as cURL");
		if (sent && this.api.allows(MANAGE)) {
			const question = "Erase the headers and bodies permanently? You can't resend this message afterwards.";
			yield this.createConfirmedButton("Erase", question, () => this.#erase(), "danger");
		}
	}

	async #resend() {
		const at = getApiTime();
		if ((await this.request("POST", "/resend")) === undefined) return;
		this.#resentAt = at;
		this.showMessage("The message is on the queue. Its new attempt will appear here.");
	}

	async #erase() {
		if ((await this.request("DELETE", "/details")) === undefined) return;
		await this.open(this.id);
		announce(this.element, "Erased");
	}

	async #loadAttempts() {
		if (this.#loadingFor === this.viewing) return;
		const viewing = (this.#loadingFor = this.viewing);
		this.#lastLoadMs = getApiTime();
		try {
			const attempts = await this.api.listAttempts(this.#execution.message_id, viewing.signal);
			if (!viewing.signal.aborted) this.#showAttempts(attempts);
		} catch (error) {
			if (viewing.signal.aborted || this.#attempts.length) return;
			const said = createRemark(`The attempts of this message could not be loaded. ${describeError(error)[0]}.`);
			reveal(this.#attemptsSection, said, createButton("Try again", () => this.#loadAttempts()));
		} finally {
			if (this.#loadingFor === viewing) this.#loadingFor = null;
		}
	}

	#showAttempts(attempts) {
		const before = this.#attempts.length;
		if (attempts.length <= before) return;
		this.#attempts = attempts;
		reveal(this.#attemptsSection, createTimeline(attempts, this.id, this.open));
		this.tick();
		if (before) this.#announceAttempt(attempts.at(-1));
	}

	#announceAttempt(newest) {
		const text = `Attempt ${newest.attempt}: ${describeResult(newest)}`;
		if (this.#resentAt && newest.trigger === "resend") {
			this.#resentAt = null;
			this.showMessage(text, createButton("View attempt", () => this.open(newest.execution_id)));
		} else announce(this.panel, text);
		this.changed();
	}
}

// ---- the webhooks

const orEmpty = (text) => text ?? "";
const orNull = (text) => text.trim() || null;
const splitWords = (text) => text.match(/\S+/g) ?? [];
const formatHeaders = (headers = {}) => Object.entries(headers).map((header) => `${header.join(": ")}\n`).join("");

function parseHeaders(text) {
	const lines = text.split("\n").filter((line) => line.trim());
	const pairs = lines.map((line) => line.split(/:(.*)/)).map(([name, value = ""]) => [name.trim(), value.trim()]);
	return Object.fromEntries(pairs);
}

const formatDelays = (delays) => (delays ? delays.join(" ") || "none" : "");
const parseDelays = (text) => (text === "none" ? [] : text ? splitWords(text).map(Number) : null);

/** Each field's label, formatter, parser and attributes. */
const FIELDS = {
	name: ["Name", orEmpty, String],
	url: ["URL", orEmpty, String],
	headers: ["Headers", formatHeaders, parseHeaders, { rows: 3, placeholder: "X-Shop: berlin" }],
	event_types: ["Event types", (types = []) => types.join(" "), splitWords, { placeholder: "all" }],
	topic: ["Topic", orEmpty, orNull],
	timeout_seconds: ["Timeout in seconds", (seconds = 15) => seconds, Number],
	retry_schedule: ['Retry delays in seconds, or "none"', formatDelays, parseDelays, { placeholder: "default" }],
	transformation: ["Transformation (JSONata)", orEmpty, orNull, { rows: 4, placeholder: '{"text": payload.order}' }],
};
const ID_ATTRIBUTES = {
	required: true,
	pattern: "(?!\\.\\.?$)[A-Za-z0-9_.\\-]{1,128}",
	title: "1 to 128 characters: A-Z a-z 0-9 _ . -",
};

function createField(name, text, value, more) {
	const [id, wrong] = [`box-${name}`, `wrong-${name}`];
	const kind = more?.rows ? "textarea" : "input";
	const made = h(kind, { id, name, "aria-describedby": wrong, ...NO_AUTOCOMPLETE, ...more });
	made.value = value;
	return h("div", h("label", { for: id }, text), made, h("p.wrong", { id: wrong }));
}

const createWebhookFacts = ({ webhook_id: id, url, event_types: types }) =>
	[id, url, types.join(" ") || "all event types"].map((text) => h("bdi.id", text));

/** The API leaves it out for tokens that may not read executions. */
function createActivity({ last_execution: last, last_24_hours: counts }) {
	if (!counts) return [];
	if (!last) return h("p.activity", "No executions");
	const { succeeded, failed, skipped } = counts;
	const counted = [formatCounts(counts), skipped && `${NUMBER.format(skipped)} skipped`].filter(Boolean).join(", ");
	const result = h("span", { class: !last.success && "failing" }, describeResult(last));
	return h("p.activity",
		h("span", "Last execution ", createTime(last.executed_at), ": ", result),
		h("span", { class: failed > 0 && "failing" }, `24 hours: ${succeeded + failed + skipped ? counted : "none"}`),
	);
}

const setFieldError = (box, text) => fill(box.nextElementSibling, text);
const createDisabledRemark = ({ disabled_reason: reason }) =>
	reason ? h("p.wrong", isolate(`Disabled: ${reason}`)) : [];

function createDryRunResult(response) {
	if (response.error) return createRemark(toSentence(response.error.message));
	return response.skipped ? createRemark("Nothing would be sent.") : createBodyBlock("Transformed payload", response);
}

class WebhookDialog extends DetailsDialog {
	kind = "Webhook";
	parameter = "edit";
	scope = "webhooks:read";
	notFound = ["Webhook not found", "It was deleted or never added."];

	#saved = false;
	#webhook;
	#form;
	#payload;
	#dryRun = h("div.dry-run");
	#soon;

	at(id) {
		return escapePath`/webhooks/${id}`;
	}

	openNew = () => {
		this.begin();
		this.#webhook = null;
		const id = createField("webhook_id", "ID", "", ID_ATTRIBUTES);
		this.render([this.panel, this.#createForm({}, id)], "New webhook");
		this.#form.elements.webhook_id.focus();
	};

	show(webhook) {
		this.#webhook = webhook;
		writeAddress({ edit: this.id });
		const parts = [this.panel, createDisabledRemark(webhook), this.#createForm(webhook), this.#createTestForm()];
		if (this.api.allows(RESEND)) parts.push(this.#createRecoveryForm());
		this.render(parts, webhook.name || this.id, this.#createActions());
		if (webhook.transformation) this.#requestDryRun();
	}

	onClose() {
		super.onClose();
		clearTimeout(this.#soon);
		if (this.#saved) this.changed(this.id);
		this.#saved = false;
	}

	#createActions() {
		const rotate = "Create a new secret? The old one also signs for 24 more hours.";
		const remove = "Delete this webhook? Messages for it will fail. Its history is kept until it expires.";
		return [
			createButton("Show secret", () => this.#requestSecret("GET")),
			this.createConfirmedButton("Rotate secret", rotate, () => this.#requestSecret("POST")),
			this.createConfirmedButton("Delete", remove, () => this.#delete(), "danger"),
		];
	}

	#createForm(webhook, first = []) {
		const fields = Object.entries(FIELDS).map(([name, [label, format, , more]]) =>
			createField(name, label, format(webhook[name]), more),
		);
		fill(this.#dryRun);
		const enabled = h("label.live", createSwitch({ name: "enabled", checked: webhook.enabled }), "Enabled");
		return (this.#form = h("form", { "aria-label": "Webhook", submit: this.#save, input: this.#scheduleDryRun },
			first, fields, this.#dryRun, enabled, h("button.primary", "Save"),
		));
	}

	#save = async () => {
		const { elements } = this.#form;
		const fields = { ...this.#webhook, enabled: elements.enabled.checked };
		for (const [name, [, , read]] of Object.entries(FIELDS)) {
			fields[name] = read(elements[name].value);
		}
		if (!this.#webhook) this.id = elements.webhook_id.value;
		const response = await this.request("PUT", "", fields);
		if (!response) return;
		const { secret, ...webhook } = response;
		this.#saved = true;
		this.show(webhook);
		if (secret) this.#showSecret("Webhook added.", secret);
		else this.showMessage("Saved. The change takes effect within 30 seconds.");
	};

	showError(error, rest) {
		const { status, message, errors } = error;
		const places = this.#fieldErrors;
		const wrong = errors.map(({ field, message: text }) => [places.find(({ id }) => id === `wrong-${field}`), text]);
		if (status === 409 && rest === "/recover") this.showMessage(toSentence(message));
		else if (status === 409 && this.#webhook) {
			const reload = createButton("Reload", () => this.open(this.id));
			this.showMessage("Someone else changed this webhook. Reload it; your edits will be lost.", reload);
		} else if (wrong.some(([place]) => place)) {
			const here = wrong.filter(([place]) => place);
			const others = wrong.filter(([place]) => !place);
			for (const [place, text] of here) fill(place, toSentence(text));
			if (others.length) this.showMessage(others.map(([, text]) => toSentence(text)).join(" "));
			here[0][0].previousElementSibling.focus();
		} else super.showError(error);
	}

	get #fieldErrors() {
		return [...this.element.querySelectorAll("p.wrong[id]")];
	}

	request(method, rest, body) {
		if (body) for (const place of this.#fieldErrors) fill(place);
		return super.request(method, rest, body);
	}

	async #requestSecret(method) {
		const response = await this.request(method, "/secret");
		if (!response) return;
		const { secret, previous_valid_until: until } = response;
		this.#showSecret(until ? `The old secret also signs until ${formatExactTime(until)}.` : "", secret);
	}

	#showSecret(text, secret) {
		const shown = [h("code", secret), createCopyButton("secret", secret)];
		this.showMessage(`${text} Receivers verify signatures with this secret:`, ...shown);
	}

	async #delete() {
		if ((await this.request("DELETE")) === undefined) return;
		this.#saved = true;
		this.element.close();
	}

	#createTestForm() {
		const result = h("div.details");
		const send = async () => {
			const request = this.#readSample();
			const execution = request && (await this.request("POST", "/test", request));
			if (!execution) return;
			fill(result, createFactList(execution), ...createDetails(execution));
			announce(result, `Test result: ${describeResult(execution)}`);
		};
		const sample = createField("payload", "Sample payload", '{\n  "order": 1042\n}', { rows: 4 });
		this.#payload = sample.children[1];
		const said = createRemark("Sends a request with the saved settings, even when the webhook is disabled.");
		const parts = [h("h3", "Test"), said, sample, h("button", "Send test"), result];
		return h("form", { submit: send, input: this.#scheduleDryRun }, parts);
	}

	#readSample(more) {
		try {
			setFieldError(this.#payload, "");
			return { payload: JSON.parse(this.#payload.value), ...more };
		} catch {
			setFieldError(this.#payload, "The payload is not valid JSON.");
		}
	}

	#scheduleDryRun = ({ target }) => {
		if (!this.#webhook || !target.rows) return;
		clearTimeout(this.#soon);
		this.#soon = setTimeout(() => this.#requestDryRun(), DRY_RUN_DELAY_MS);
	};

	async #requestDryRun() {
		const transformation = orNull(this.#form.elements.transformation.value);
		const request = this.#readSample({ dry_run: true, transformation });
		if (!request) return;
		const [soon, { signal }] = [this.#soon, this.viewing];
		const asked = this.api.request("POST", `${this.at(this.id)}/test`, signal, request);
		const shown = await asked.then(createDryRunResult, (error) => createRemark(toSentence(error.message)));
		if (!signal.aborted && soon === this.#soon) fill(this.#dryRun, shown);
	}

	#createRecoveryForm() {
		const since = createField("since", "Start time", "", { type: "datetime-local", required: true });
		const start = () => this.#recover(new Date(since.children[1].value));
		const said = createRemark("Resends messages that failed since this time and were not delivered later.");
		return h("form", { submit: start }, h("h3", "Recover"), said, since, h("button", "Recover"));
	}

	async #recover(since) {
		const { signal } = this.viewing;
		const started = await this.request("POST", "/recover", { since });
		while (started && !signal.aborted) {
			const progress = await this.request("GET", escapePath`/recover/${started.recovery_id}`);
			if (!progress) return;
			const state = { running: "running", done: "finished", stopped: "stopped" }[progress.status];
			this.showMessage(`Recovery ${state}: ${progress.found} found, ${progress.queued} queued.`);
			if (progress.status !== "running") return;
			await new Promise((wake) => setTimeout(wake, ATTEMPTS_POLL_MS));
		}
	}
}

class WebhookList extends PagedList {
	itemName = "webhook";
	scope = "webhooks:read";
	dialog = new WebhookDialog(this.api, (id) => this.start(id));

	#edited;
	#seen = true;
	#head = h("div.head");
	#list = h("ul");

	constructor(api, openHistory) {
		super(api, openHistory);
		this.build(this.#head, this.#list, this.dialog.element);
	}

	start(edited) {
		this.#edited = edited;
		const add = this.api.allows(MANAGE) ? createButton("Add webhook", this.dialog.openNew, "primary") : [];
		fill(this.#head, h("h2.webhook", "Webhooks"), createButton("Refresh", () => this.start()), add);
		if (edited) this.#head.lastElementChild.focus();
		fill(this.#list);
		this.load();
	}

	/** Includes webhooks that are not registered, unless the deployment does not count executions. */
	async loadOlder(signal) {
		const query = { ...(this.#seen && { seen: true }), ...(this.cursor && { cursor: this.cursor }) };
		try {
			return await this.api.request("GET", `/webhooks?${new URLSearchParams(query)}`, signal);
		} catch (error) {
			if (error.status !== 404 || !this.#seen) throw error;
			this.#seen = false;
			return this.loadOlder(signal);
		}
	}

	show({ webhooks, next_cursor: cursor }) {
		this.cursor = cursor;
		this.offerMore(cursor);
		this.#list.append(...webhooks.map((webhook) => this.#createRow(webhook)));
		const { length } = this.#list.children;
		const text = "Add the first one. Messages with its ID are then sent to its URL.";
		this.showState(length ? [] : createNotice(["No webhooks yet", text]));
		this.announceCount(length);
	}

	#createRow(webhook) {
		const { webhook_id: id, registered = true, enabled } = webhook;
		const name = webhook.name || id;
		const edit = createButton("Edit", () => this.dialog.open(id), null, { "aria-label": `Edit ${name}` });
		if (id === this.#edited) queueMicrotask(() => edit.focus());
		const state = !registered ? "Not registered" : enabled ? "Enabled" : "Disabled";
		const facts = registered ? [createWebhookFacts(webhook), createDisabledRemark(webhook)] : [];
		return h("li",
			h("div", h("bdi.name", name), facts, createActivity(webhook)),
			h(`span.badge.${enabled ? "success" : "unreached"}`, state),
			registered && this.api.allows(MANAGE) ? edit : [],
			createButton("Open history", () => this.open(id), null, { "aria-label": `Open history of ${name}` }),
		);
	}
}

// ---- the component

class WebhookHistory extends HTMLElement {
	static observedAttributes = ["api", "webhook", "token"];

	#api = new Api();
	#list = new ExecutionList(this.#api, (id) => this.#dialog.open(id));
	#dialog = new ExecutionDialog(this.#api, () => this.#list.refresh());
	#webhooks = new WebhookList(this.#api, (id) => this.#openHistory(id));
	#views = h("form.views", { change: () => this.#chooseView(this.#views.elements.view.value) },
		createRadioGroup("View", "view", "", ["", "History"], ["webhooks", "Webhooks"]),
	);
	#question = h("div", { role: "alert", hidden: true });
	#showsWebhooks = false;
	#clocks;

	constructor() {
		super();
		// the front end may have set it before the component was defined
		this.#api.renewToken = this.renewToken;
		delete this.renewToken;
		const href = new URL("webhook-history.css", import.meta.url);
		const show = () => (whole.hidden = false);
		const parts = [this.#list, this.#dialog, this.#webhooks].map(({ element }) => element);
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
		const tick = () => [this.#list, this.#webhooks].forEach((list) => list.tick());
		this.#clocks = [setInterval(tick, TIMES_UPDATE_MS), setInterval(() => this.#dialog.tick(), 1000)];
		this.#start();
	}

	disconnectedCallback() {
		removeEventListener("hashchange", this.#addressChanged);
		this.#clocks.forEach(clearInterval);
		this.#clocks = null;
		for (const part of [this.#list, this.#dialog, this.#webhooks, this.#webhooks.dialog]) part.stop();
		for (const dialog of [this.#dialog, this.#webhooks.dialog]) dialog.element.open = false;
	}

	attributeChangedCallback(name, before, after) {
		if (!this.#clocks || before === after) return;
		if (name !== "token" || !before || !after) return this.#start();
		this.#api.token = after;
		this.#api.renewed();
		(this.#showsWebhooks ? this.#webhooks : this.#list).tryAgain?.();
	}

	#addressChanged = () => {
		if (readFragment().has("token")) this.#start();
	};

	#start() {
		const api = this.#api;
		this.#question.hidden = true;
		api.token = this.getAttribute("token") || (api.renewToken ? api.token : this.#findToken());
		const { webhook, execution, edit } = readAddress();
		api.webhook = this.getAttribute("webhook") || webhook;
		api.base = new URL(this.getAttribute("api") ?? ".", document.baseURI).href.replace(/\/$/, "");
		api.renewed = () => this.#offerViews() !== this.#showsWebhooks && this.#show();
		this.#show();
		if (!this.#question.hidden) return;
		if (this.#showsWebhooks) edit && api.allows(MANAGE) && this.#webhooks.dialog.open(edit);
		else if (execution && api.isReady) this.#dialog.open(execution);
	}

	/** Asks before a link's token replaces a valid one with different access. */
	#findToken() {
		const [given, mine] = [takeToken(), storeToken()];
		const other = given && mine && isUnexpired(mine) && !haveSameAccess(given, mine);
		if (other) this.#askWhichToken(given);
		return other ? mine : storeToken(given);
	}

	#askWhichToken(token) {
		const choose = (chosen) => () => {
			storeToken(chosen);
			this.#start();
			this.#question.parentElement.focus();
		};
		const text = "It differs from your current access. Switch only if you expected this.";
		reveal(this.#question, createNotice(["Switch to the access in this link?", text],
			createButton("Keep mine", choose(), "primary"),
			createButton("Switch", choose(token)),
		));
	}

	#offerViews() {
		this.#views.hidden = !["webhooks:read", MANAGE].some((scope) => this.#api.allows(scope));
		return !this.#views.hidden && readAddress().view === "webhooks";
	}

	#show() {
		const webhooks = (this.#showsWebhooks = this.#offerViews());
		this.#views.elements.view[webhooks ? 1 : 0].checked = true;
		const [shown, other] = webhooks ? [this.#webhooks, this.#list] : [this.#list, this.#webhooks];
		other.stop();
		other.element.hidden = true;
		shown.element.hidden = false;
		shown.start();
	}

	#chooseView(view) {
		writeAddress({ view });
		this.#show();
	}

	#openHistory(id) {
		writeAddress({ ...EMPTY_FILTER, view: "", webhook: id });
		if (this.hasAttribute("webhook")) this.setAttribute("webhook", id);
		this.#start();
		this.#views.querySelector(":checked").focus();
	}
}

customElements.define("webhook-history", WebhookHistory);
