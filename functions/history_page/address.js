/** The state of a component, and its history entries in the page's address. */

import { EMPTY_FILTER, FILTER_NAMES, parseFilter } from "./filter.js";

/** What a history entry restores; all values are texts, and none is "". */
export const EMPTY_STATE = { webhook: "", view: "", ...EMPTY_FILTER, execution: "", edit: "" };
/** The value of `edit` for a new webhook; no ID has this character. */
export const NEW_WEBHOOK = "*";

const NAMES = Object.keys(EMPTY_STATE);
const PREFIX = "hl-";
/** Names that Hooklog's own page had before they got the prefix. */
const OLD_NAMES = ["webhook", "view", "status", "from", "to", "message", "execution", "edit"];

/** @type {Map<string, HTMLElement>} the components that have each prefix */
const owners = new Map();

const getParts = (text) => (text.length > 1 ? text.slice(1).split("&") : []);
const getName = (part) => [...new URLSearchParams(part).keys()][0];

/** Whether the document is the page that comes with the component, so that its whole address is Hooklog's. */
function isOwnPage() {
	const { origin, pathname } = location;
	const [before, file] = import.meta.url.split(`${origin}${pathname}/`);
	return before === "" && /^([0-9a-f]{16}\/)?[\w-]+\.js$/.test(file);
}

/**
 * Changes only the parts that are given; does nothing if the browser refuses, for example because of too many changes.
 *
 * @param {"pushState" | "replaceState"} method
 * @param {{search?: string[], hash?: string[]}} parts
 */
function writeUrl(method, { search, hash }) {
	try {
		const url = new URL(location.href);
		if (search !== undefined) url.search = search.join("&");
		if (hash !== undefined) url.hash = hash.join("&");
		if (url.href !== location.href) history[method](history.state, "", url);
	} catch {
		// the component has its state even so
	}
}

/** Drops what is invalid. */
function parseState(given) {
	const texts = Object.fromEntries(NAMES.map((name) => [name, String(given[name] ?? "")]));
	return { ...texts, ...parseFilter(texts), view: texts.view === "webhooks" ? texts.view : "" };
}

export const getFilter = (state) => Object.fromEntries(FILTER_NAMES.map((name) => [name, state[name]]));

export class Address {
	/** @type {Record<string, string>} */
	state = EMPTY_STATE;

	/** @type {string | null} null: the address is neither read nor written */
	#prefix = null;

	/**
	 * Reads the state from the page's address, unless another component has its parameters or the host routes.
	 *
	 * The first component of a page has the prefix `hl-`; each further one needs an ID, for `hl-<id>-`.
	 *
	 * @param {HTMLElement} element
	 * @param {boolean} routes
	 */
	connect(element, routes) {
		this.disconnect(element);
		const prefixes = [PREFIX, element.id && `${PREFIX}${element.id}-`];
		const isFree = (prefix) => prefix && !owners.get(prefix)?.isConnected;
		// about:srcdoc and blob: have no query to change
		const canRoute = routes && /^(https?|file):$/.test(location.protocol);
		this.#prefix = (canRoute && prefixes.find(isFree)) || null;
		if (this.#prefix === null) return;
		owners.set(this.#prefix, element);
		if (this.isMain && isOwnPage()) this.#renameParameters();
		if (getParts(location.search).some(this.#isOwn)) this.read();
		else this.#write("replaceState");
	}

	disconnect(element) {
		if (owners.get(this.#prefix) === element) owners.delete(this.#prefix);
		this.#prefix = null;
	}

	get isRouted() {
		return this.#prefix !== null;
	}

	/** Whether this is the page's first component. */
	get isMain() {
		return this.#prefix === PREFIX;
	}

	/** Reads the state, which Back or Forward may have changed. */
	read() {
		this.state = this.#parse();
	}

	/** Whether the address has other values of these names. */
	isOutdated(names = NAMES) {
		const found = this.#parse();
		return names.some((name) => found[name] !== this.state[name]);
	}

	#parse() {
		if (!this.isRouted) return this.state;
		const query = new URLSearchParams(location.search);
		return parseState(Object.fromEntries(NAMES.map((name) => [name, query.get(this.#prefix + name)])));
	}

	/** Whether changes would change the state. */
	wouldChange(changes) {
		const changed = parseState({ ...this.state, ...changes });
		return NAMES.some((name) => changed[name] !== this.state[name]);
	}

	/** Changes the state, and adds a history entry if that changes the address. */
	push(changes) {
		this.state = parseState({ ...this.state, ...changes });
		this.#write("pushState");
	}

	/** Changes the state and the present history entry. */
	replace(changes) {
		this.state = parseState({ ...this.state, ...changes });
		this.#write("replaceState");
	}

	/** Adds a history entry for the state after the one that Back or Forward has gone to. */
	keep() {
		this.#write("pushState");
	}

	#isOwn = (part) => {
		const name = getName(part) ?? "";
		return name.startsWith(this.#prefix) && NAMES.includes(name.slice(this.#prefix.length));
	};

	/** Writes the whole state: the host's router may have dropped parts of it. */
	#write(method) {
		if (!this.isRouted) return;
		const others = getParts(location.search).filter((part) => !this.#isOwn(part));
		const own = NAMES.filter((name) => this.state[name]).map((name) => [this.#prefix + name, this.state[name]]);
		writeUrl(method, { search: [...others, ...own.map((pair) => new URLSearchParams([pair]).toString())] });
	}

	#renameParameters() {
		const rename = (part) => (OLD_NAMES.includes(getName(part)) ? PREFIX + part : part);
		writeUrl("replaceState", { search: getParts(location.search).map(rename) });
	}
}

/** The fragment's parts; none if it is a path of the host's router (`#/orders`, `#!/orders`). */
const getFragment = () => (/^#[/!]/.test(location.hash) ? [] : getParts(location.hash));
const FRAGMENT_NAMES = ["token", "webhook"];

export const hasToken = () => getFragment().some((part) => getName(part) === "token");

/** Takes the token and the webhook from the fragment, which no server sees. */
export function takeFragment() {
	if (!hasToken()) return { token: null, webhook: null };
	const parts = getFragment();
	const given = new URLSearchParams(parts.join("&"));
	writeUrl("replaceState", { hash: parts.filter((part) => !FRAGMENT_NAMES.includes(getName(part))) });
	return { token: given.get("token")?.trim() || null, webhook: given.get("webhook") };
}
