/** The API's clock. The viewer's may be wrong. */

let aheadMs = 0;

export const getApiTime = () => Date.now() + aheadMs;

/** @param {string | null} date the header Date of a response */
export function readClock(date) {
	aheadMs = Math.round((Date.parse(date ?? "") - Date.now()) / 10_000) * 10_000 || 0;
}

export const parseTime = ({ executed_at: at }) => Date.parse(at);
