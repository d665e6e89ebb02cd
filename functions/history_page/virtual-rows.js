/**
 * The rows of a long list: only those that are visible, and those around the focus, are in the document.
 *
 * Rows have different heights. One that was never shown counts as high as the average.
 */

/** A list of at most so many rows is whole in the document, so that the browser's search finds all of it. */
const MAX_WHOLE = 100;
const OVERSCAN_PX = 400;
const FIRST_ESTIMATE_PX = 56;

/** @returns {Element | null} the parent as it is laid out, through slots and shadow roots */
const getParent = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null;

export class VirtualRows {
	body;

	#create;
	#getId;
	#items = [];
	/** Where each item begins, and where the last one ends. */
	#offsets = [0];
	#heights = new Map();
	#rows = new Map();
	#ids = new WeakMap();
	#isOutdated = false;
	#pinned = null;
	#width = 0;
	#roots = [];
	// in the next frame: what a resize observer resizes is an error of the page, which its host would see
	#rowSizes = new ResizeObserver((entries) => requestAnimationFrame(() => this.#measure(entries)));
	#bodySize = new ResizeObserver(([{ contentRect: { width } }]) => requestAnimationFrame(() => this.#resize(width)));

	/**
	 * @param {HTMLElement} body
	 * @param {(item: any) => HTMLElement} create
	 * @param {(item: any) => string} getId
	 */
	constructor(body, create, getId) {
		this.body = body;
		this.#create = create;
		this.#getId = getId;
		body.addEventListener("focusin", (/** @type {any} */ { target }) => {
			this.#pinned = this.#ids.get(target.closest("[role=row]")) ?? null;
		});
		this.#bodySize.observe(body);
	}

	/** Shows other items; those that were shown before stay where they are on the screen. */
	update(items) {
		if (!items.length) {
			this.#heights.clear();
			this.#pinned = null;
		}
		this.#listen();
		const anchor = this.#findAnchor();
		this.#items = [...items];
		this.#isOutdated = true;
		this.#layout(anchor);
	}

	/** Puts an item's row into the document and focuses its first button. */
	focus(item) {
		this.#pinned = this.#getId(item);
		this.#layout();
		this.#rows.get(this.#pinned)?.querySelector("button").focus();
	}

	/** Scroll events of every scroller around the rows: they do not bubble, and stay within their shadow root. */
	#listen() {
		/** @type {EventTarget[]} */
		const roots = [window];
		for (let node = /** @type {any} */ (this.body); node; node = getParent(node)) roots.push(node.getRootNode());
		if (roots.every((root, at) => root === this.#roots[at])) return;
		this.stop();
		this.#roots = roots;
		for (const root of new Set(roots)) root.addEventListener("scroll", this.#scrolled, { capture: true, passive: true });
		addEventListener("resize", this.#scrolled);
	}

	stop() {
		for (const root of new Set(this.#roots)) root.removeEventListener("scroll", this.#scrolled, { capture: true });
		removeEventListener("resize", this.#scrolled);
		this.#roots = [];
	}

	#scrolled = () => this.#layout();

	/** What is visible of the body, in its own coordinates. */
	#getWindow() {
		const box = this.body.getBoundingClientRect();
		let [top, bottom] = [0, innerHeight];
		for (let node = getParent(this.body); node; node = getParent(node)) {
			if (node === document.scrollingElement || node === document.body) break;
			if (getComputedStyle(node).overflowY === "visible") continue;
			const clip = node.getBoundingClientRect();
			[top, bottom] = [Math.max(top, clip.top), Math.min(bottom, clip.bottom)];
		}
		return box.width ? { top: top - box.top, bottom: bottom - box.top } : { top: 0, bottom: 0 };
	}

	/** The index of the item at an offset. */
	#find(offset) {
		let [low, high] = [0, this.#items.length];
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#offsets[middle + 1] <= offset) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	/** What must not move: the first visible item, or the end of the last; nothing while the list's beginning is visible. */
	#findAnchor() {
		const { top, bottom } = this.#getWindow();
		const isAtEnd = bottom >= this.#offsets.at(-1) - 1;
		const at = isAtEnd ? this.#items.length - 1 : this.#find(top);
		const edge = isAtEnd ? 1 : 0;
		if (top <= 0 || !this.#items[at]) return null;
		const scroller = this.#getScroller();
		const from = { offset: this.#offsets[at + edge], scrollTop: scroller.scrollTop };
		return { id: this.#getId(this.#items[at]), edge, scroller, ...from };
	}

	#measure(entries) {
		const changed = entries.filter(({ target, borderBoxSize: [{ blockSize }] }) => {
			const id = this.#ids.get(target);
			const isNew = blockSize > 0 && target.isConnected && Math.abs((this.#heights.get(id) ?? 0) - blockSize) > 0.1;
			if (isNew) this.#heights.set(id, blockSize);
			return isNew;
		});
		if (changed.length) this.#relayout();
	}

	#resize(width) {
		if (width === this.#width) return;
		this.#width = width;
		for (const id of this.#heights.keys()) if (!this.#rows.has(id)) this.#heights.delete(id);
		this.#relayout();
	}

	#relayout() {
		const anchor = this.#findAnchor();
		this.#isOutdated = true;
		this.#layout(anchor);
	}

	#computeOffsets() {
		const known = [...this.#heights.values()];
		const estimate = known.length ? known.reduce((sum, height) => sum + height, 0) / known.length : FIRST_ESTIMATE_PX;
		this.#offsets = [0];
		let end = 0;
		for (const item of this.#items) this.#offsets.push(end += this.#heights.get(this.#getId(item)) ?? estimate);
		this.body.style.height = `${end}px`;
		this.#isOutdated = false;
	}

	#layout(anchor = null) {
		if (this.#isOutdated) this.#computeOffsets();
		if (anchor) this.#restore(anchor);
		const wanted = this.#choose();
		const ids = new Set(wanted.map((at) => this.#getId(this.#items[at])));
		for (const [id, row] of this.#rows) if (!ids.has(id)) this.#remove(id, row);
		let previous = null;
		for (const at of wanted) {
			const row = this.#place(at);
			if (row.previousElementSibling !== previous || !row.parentNode) {
				this.body.insertBefore(row, previous ? previous.nextSibling : this.body.firstChild);
			}
			previous = row;
		}
	}

	/** Scrolls by as much as the anchor has moved. The browser may have scrolled already, if the page became shorter. */
	#restore({ id, edge, scroller, offset, scrollTop }) {
		const at = this.#items.findIndex((item) => this.#getId(item) === id);
		const moved = at < 0 ? 0 : this.#offsets[at + edge] - offset;
		if (Math.abs(moved) >= 1) scroller.scrollTop = scrollTop + moved;
	}

	#getScroller() {
		for (let node = getParent(this.body); node; node = getParent(node)) {
			const isScroller = /auto|scroll/.test(getComputedStyle(node).overflowY) && node !== document.body;
			if (isScroller && node.scrollHeight > node.clientHeight) return node;
		}
		return document.scrollingElement ?? document.documentElement;
	}

	/** The indexes of the items that belong into the document. */
	#choose() {
		const { length } = this.#items;
		if (length <= MAX_WHOLE) return [...this.#items.keys()];
		const { top, bottom } = this.#getWindow();
		const first = this.#find(top - OVERSCAN_PX);
		const last = Math.min(this.#find(bottom + OVERSCAN_PX), length - 1);
		const chosen = new Set();
		for (let at = first; at <= last; at++) chosen.add(at);
		const pinned = this.#pinned ? this.#items.findIndex((item) => this.#getId(item) === this.#pinned) : -1;
		// the next and the previous row, so that Tab goes there
		if (pinned >= 0) for (const at of [pinned - 1, pinned, pinned + 1]) if (at >= 0 && at < length) chosen.add(at);
		return [...chosen].sort((one, other) => one - other);
	}

	#place(at) {
		const id = this.#getId(this.#items[at]);
		let row = this.#rows.get(id);
		if (!row) {
			row = this.#create(this.#items[at]);
			this.#rows.set(id, row);
			this.#ids.set(row, id);
			this.#rowSizes.observe(row);
		}
		const transform = `translateY(${Math.round(this.#offsets[at])}px)`;
		if (row.style.transform !== transform) row.style.transform = transform;
		// the heading is the first row
		if (row.ariaRowIndex !== String(at + 2)) row.setAttribute("aria-rowindex", at + 2);
		return row;
	}

	#remove(id, row) {
		this.#rowSizes.unobserve(row);
		this.#rows.delete(id);
		row.remove();
	}
}
