// The pages' one module works on what the server rendered; what changes something goes to the JSON API.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const meta = (name) => $(`meta[name=${name}]`).content;
const user = meta("user");
let csrf = meta("csrf");

// The only place where text becomes elements: this server's templates escape whatever they show.
const policy = window.trustedTypes?.createPolicy("tracewright", { createHTML: (text) => text });
const parse = (text) => new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");

const drawKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("-");
const debounce = (call, ms) => {
	let timer;
	return () => (clearTimeout(timer), (timer = setTimeout(call, ms)));
};
const clearNotice = debounce(() => notice(""), 6000);
function notice(text) {
	$("#notice").textContent = text;
	if (text) clearNotice();
}
function make(tag, attributes, ...children) {
	const element = Object.assign(document.createElement(tag), attributes);
	element.append(...children);
	return element;
}

class Refused extends Error {
	constructor(status, detail) {
		super(detail ?? `The service answered ${status}.`);
		this.status = status;
	}
}
const why = (error) => (error instanceof Refused ? error.message : "no connection to the service");

async function api(method, url, body, { key, etag } = {}) {
	const headers = { "X-CSRF-Token": csrf };
	if (body) headers["Content-Type"] = "application/json";
	if (method === "POST") headers["Idempotency-Key"] = key ??= drawKey();
	if (etag) headers["If-Match"] = etag;
	const reply = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
	const content = await reply.json().catch(() => null);
	if (reply.ok) return { content, etag: reply.headers.get("ETag") };
	if (reply.status === 403) {
		// Signed in again in another tab.
		const session = await fetch("/v1/sessions/current").then((found) => found.json());
		if (session.name === user && session.csrf_token !== csrf) {
			csrf = session.csrf_token;
			return api(method, url, body, { key, etag });
		}
	}
	throw new Refused(reply.status, content?.detail);
}

async function fetchPage(url, signal) {
	const reply = await fetch(url, { headers: { "X-Fragment": "1" }, signal });
	if (reply.status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
	return { page: parse(await reply.text()), url: reply.url, ok: reply.ok };
}

// Parts of a page give way to another address's; focus, drafts and scrolling stay.
const FOCUSABLE = "a[href], button, input, select, summary, [tabindex]";
let swapping, asked;
async function swap(url, { push = true, isTyping, isQuiet } = {}) {
	// News never overtakes what is asked for.
	if (isQuiet ? $("[data-busy]") : isTyping && asked === url) return;
	asked = url;
	swapping?.abort();
	const { signal } = (swapping = new AbortController());
	const parts = $$("[data-part]");
	if (!isQuiet) for (const part of parts) part.dataset.busy = "";
	try {
		const { page, url: found } = await fetchPage(url, signal);
		if (isTyping && $("#asking-error", page)) return;
		for (const part of parts) {
			const fresh = $(`[data-part=${part.dataset.part}]`, page);
			if (!fresh) return location.assign(url);
			delete part.dataset.busy;
			if (part.isEqualNode(fresh)) continue;
			const place = $$(FOCUSABLE, part).indexOf(document.activeElement);
			part.replaceWith(fresh);
			if (place >= 0) ($$(FOCUSABLE, fresh)[place] ?? $("#main")).focus({ preventScroll: true });
		}
		document.title = page.title;
		if (asking) asking.elements.where.ariaInvalid = $("#asking-error") && "true";
		if (push && found !== location.href) history.pushState(null, "", found);
		for (const field of asking?.elements ?? []) {
			const fresh = field.name && $(`[data-asking] [name=${field.name}]`, page);
			if (fresh && field !== document.activeElement) field.value = fresh.value;
		}
		begin();
	} catch (error) {
		if (!signal.aborted && !isQuiet) notice(why(error));
	} finally {
		if (!signal.aborted) for (const part of $$("[data-busy]")) delete part.dataset.busy;
	}
}
const refresh = (isQuiet) => swap(location.href, { push: false, isQuiet });
addEventListener("popstate", () => refresh());

const READERS = {
	number: Number,
	minutes: (text) => 60 * text,
	list: (text) => text.split(",").map((one) => one.trim()).filter(Boolean),
	json: JSON.parse,
};
async function sendForm(form) {
	let [method, url] = form.dataset.api.split(" ");
	const body = {}, button = $("button:not([type])", form), { etag, done, show, next } = form.dataset;
	if (button?.dataset.confirm && !confirm(button.dataset.confirm)) return;
	try {
		for (const { name, value, dataset } of form.elements) {
			if (!name || !value.trim()) continue;
			if ("inPath" in dataset) url = url.replace(`{${name}}`, encodeURIComponent(value));
			else body[name] = (READERS[dataset.type] ?? String)(value.trim());
		}
		const send = (tag) => api(method, url, method === "DELETE" ? undefined : body, { etag: tag });
		const { content } = await send(etag).catch(async (error) => {
			if (error.status !== 428 || !confirm("There is one of that name already. Put this in its place?")) throw error;
			return send((await api("GET", url)).etag);
		});
		if (next) return location.replace(next);
		if (done) notice(done);
		if (show) $("output", form).replaceChildren("Keep it now, it is shown once: ", make("code", {}, content[show]));
		if ("reload" in form.dataset) {
			if (!form.closest("[data-part]")) form.reset();
			await refresh();
		}
	} catch (error) {
		notice(error instanceof SyntaxError ? `This is no JSON: ${error.message}` : why(error));
	}
}

const asking = $("[data-asking]");
const askedUrl = (more = {}) => `/explore?${new URLSearchParams({ ...Object.fromEntries([...new FormData(asking)].filter(([, value]) => value.trim())), ...more })}`;
function completeFilter() {
	const input = asking.elements.where, list = $("#suggestions");
	let items = [], chosen = -1;
	const choose = (place) => {
		chosen = place < 0 ? -1 : place % items.length;
		[...list.children].forEach((one, n) => (one.ariaSelected = n === chosen));
		list.children[chosen]?.scrollIntoView({ block: "nearest" });
		input.setAttribute("aria-activedescendant", list.children[chosen]?.id ?? "");
	};
	const show = (found) => {
		items = found;
		list.replaceChildren(...items.map((one, n) => make("li", { id: `option-${n}`, role: "option" }, one.text, make("span", {}, one.meaning))));
		list.style.left = `${input.offsetLeft}px`;
		list.hidden = !items.length;
		input.ariaExpanded = !list.hidden;
		choose(-1);
	};
	const take = ({ text, start }) => {
		const before = input.value.slice(0, start) + text + (text.endsWith("[") ? "" : " ");
		input.value = before + input.value.slice(input.selectionStart).trimStart();
		input.setSelectionRange(before.length, before.length);
		suggest();
		apply();
	};
	const suggest = debounce(async () => {
		const asked = input.value;
		const reply = await fetch(`/explore/complete?${new URLSearchParams({ text: asked, at: input.selectionStart })}`);
		if (reply.ok && asked === input.value && input === document.activeElement) show((await reply.json()).items);
	}, 60);
	const typed = () => swap(askedUrl(), { isTyping: true });
	const apply = debounce(typed, 450);
	input.addEventListener("input", () => (suggest(), apply()));
	input.addEventListener("focus", suggest);
	input.addEventListener("blur", () => show([]));
	input.addEventListener("keydown", (event) => {
		const { key, shiftKey } = event;
		if (list.hidden) return;
		if (key === "ArrowDown") choose(chosen + 1);
		else if (key === "ArrowUp") choose(chosen < 1 ? items.length - 1 : chosen - 1);
		else if (key === "Enter" && chosen < 0) return show([]);
		else if (key === "Enter" || (key === "Tab" && !shiftKey && chosen >= 0)) take(items[chosen]);
		else if (key === "Escape") show([]);
		else return;
		event.preventDefault();
	});
	list.addEventListener("pointerdown", (event) => (event.preventDefault(), take(items[[...list.children].indexOf(event.target.closest("li"))])));
	asking.elements.search.addEventListener("input", debounce(typed, 350));
}

const seen = new IntersectionObserver((entries) => entries.filter((one) => one.isIntersecting).forEach((one) => (seen.unobserve(one.target), load(one.target))), { rootMargin: "600px" });
async function load(element) {
	const { page, ok } = await fetchPage(element.dataset.load ?? element.href);
	if (!ok) return;
	if (element.dataset.load) return element.replaceChildren(...page.body.children);
	element.closest("li").replaceWith(...$$(".steps > li", page));
	begin();
}
function light({ target }) {
	const step = target.closest?.("[data-step]")?.dataset;
	const uses = step?.uses.split(" ") ?? [];
	for (const arc of $$("[data-arc]")) arc.classList.toggle("lit", arc.dataset.arc.split(" ").includes(step?.step));
	for (const one of $$(".step[data-step]")) one.classList.toggle("used", uses.includes(one.dataset.step));
}
addEventListener("pointerover", light);

// What was judged and not yet acknowledged lies in this browser, each judgement under a key of its own.
const unkept = new Map();
const read = (name) => JSON.parse(unkept.get(name) ?? localStorage.getItem(name));
const drop = (name) => (unkept.delete(name), localStorage.removeItem(name));
function keep(name, value) {
	const text = JSON.stringify(value);
	try {
		localStorage.setItem(name, text);
	} catch {
		unkept.set(name, text);
		notice("This browser has no room for drafts: leave this page only once all is saved.");
	}
}
const OUT = `tw:out:${user}:`;
const waiting = () => [...Object.keys(localStorage), ...unkept.keys()].filter((name) => name.startsWith(OUT)).map(read).sort((a, b) => a.at - b.at);
const sent = new Map();
let isSending, pause = 1000;
function tell(kind, text) {
	const state = $("[data-state]");
	if (state) [state.dataset.kind, state.textContent] = [kind, text];
}
const trouble = (error) => waiting().length || tell("failed", why(error));
async function flush() {
	if (isSending || !user) return;
	isSending = true;
	for (let item; (item = waiting().find((one) => !one.refused)); ) {
		tell("waiting", "Saving …");
		try {
			const { content, etag } = await api("POST", `/v1/traces/${item.trace}/reviews`, item.body, { key: item.key });
			drop(OUT + item.key);
			sent.set(item.key, { ids: content.events.map((one) => one.review_id), etag });
			pause = 1000;
			tell("saved", `Saved ${new Date().toLocaleTimeString()}`);
			bench?.noteSaved(item);
		} catch (error) {
			if (!settle(item, error)) break;
		}
	}
	isSending = false;
	showRefused();
}
// What becomes of a judgement that did not get through; true: go on.
function settle(item, error) {
	const { status } = error;
	if (status === 409 && item.body.lease) {
		drop(OUT + item.key);
		delete item.body.lease;
		item.key = drawKey();
		keep(OUT + item.key, item);
		notice("The lease had run out: your judgement is kept as a review outside the queue.");
	} else if (status && status < 500 && ![401, 408, 429].includes(status)) {
		keep(OUT + item.key, { ...item, refused: error.message });
		tell("failed", "Not saved: see below.");
	} else {
		tell("waiting", `Not saved yet: ${waiting().length} kept in this browser (${status === 401 ? "sign in again in another tab" : why(error)}).`);
		setTimeout(flush, (pause = Math.min(15000, pause * 2)));
		return false;
	}
	return true;
}
addEventListener("online", flush);
function showRefused() {
	const refused = waiting().filter((one) => one.refused);
	$("[data-outbox]")?.replaceChildren(...refused.map((item) => {
		const name = OUT + item.key;
		const again = () => (keep(name, { ...item, refused: undefined }), flush());
		const away = () => (drop(name), showRefused());
		const button = (text, onclick) => make("button", { type: "button", className: "quiet", onclick }, text);
		return make("li", {}, make("a", { href: `/traces/${item.trace}` }, item.trace.slice(0, 12)), ` ${item.refused} `, button("Try again", again), button("Discard", away));
	}));
}

// The bench: one trace, judged by keyboard; in a queue, one after the other.
const LABELS = { "-1": "wrong", 0: "neutral", 1: "right" };
const WORDS = ["comment", "tags", "corrected_answer"];
class Bench {
	constructor(root) {
		const { queue, kind, trace } = root.dataset;
		Object.assign(this, { root, queue, kind, ready: [], parked: [], done: [] });
		root.addEventListener("input", ({ target }) => this.change((draft) => (draft[target.name] = target.value), target.name));
		document.addEventListener("click", (event) => this.click(event.target));
		document.addEventListener("input", (event) => this.edit(event.target));
		if (queue) (setInterval(() => this.renew(), 20000), this.open());
		else this.show({ trace });
	}
	get draftName() {
		return `tw:draft:${user}:${this.queue ?? ""}:${this.current.trace}`;
	}
	get card() {
		return $(this.queue ? "[data-card]" : ".reading");
	}
	get steps() {
		return $$("[data-steps] > [data-step]", this.card);
	}
	word(name) {
		return $(`[name=${name}]`, this.root);
	}
	// What was claimed before the page was closed comes first.
	async open() {
		try {
			const { content } = await api("GET", `/v1/queues/${this.queue}/leases`);
			const out = waiting().map((item) => item.body.lease?.slot);
			const mine = content.items.filter((lease) => lease.kind === this.kind && !out.includes(lease.slot));
			this.ready = await Promise.all(mine.map((lease) => this.fetchCard(lease)));
			this.advance();
		} catch (error) {
			trouble(error);
			setTimeout(() => this.open(), 3000);
		}
	}
	async fetchCard(lease) {
		const { page, ok } = await fetchPage(`/review/${this.queue}/cards/${lease.trace_id}?kind=${this.kind}`);
		if (!ok) throw new Refused(500, "The trace could not be read.");
		return { trace: lease.trace_id, lease, node: document.adoptNode($("article", page)) };
	}
	// Two ahead: the next is painted at once.
	async fill() {
		if (this.isFilling || this.isEmpty || !this.queue) return;
		this.isFilling = true;
		try {
			while (this.ready.length < 2 && this.parked.length < 6 && !this.isEmpty) {
				this.claimKey ??= drawKey();
				const { content } = await api("POST", `/v1/queues/${this.queue}/claims`, { kind: this.kind }, { key: this.claimKey });
				this.claimKey = null;
				if (content.lease) this.ready.push(await this.fetchCard(content.lease));
				this.isEmpty = !content.lease;
				if (!this.current) this.advance();
			}
		} catch (error) {
			trouble(error);
			setTimeout(() => this.fill(), 3000);
		}
		this.isFilling = false;
		this.root.dataset.ahead = this.ready.length;
	}
	advance() {
		const isLast = this.isEmpty || this.parked.length >= 6;
		const next = this.ready.shift() ?? (isLast ? this.parked.shift() : null);
		this.current = null;
		if (next) this.show(next);
		else this.card.replaceChildren($(this.isEmpty ? "#empty" : "#awaited").content.cloneNode(true));
		this.fill();
	}
	show(item, isNew = true) {
		this.current = item;
		this.draft = read(this.draftName) ?? item.draft ?? { steps: {}, first: null, log: [] };
		if (isNew) this.began = performance.now();
		if (isNew && item.node) {
			this.card.replaceChildren(item.node);
			scrollTo(0, 0);
			begin();
		}
		for (const name of WORDS) this.word(name).value = this.draft[name] ?? "";
		$("details", this.root).open = WORDS.some((name) => this.draft[name]);
		this.at = -1;
		this.field = null;
		this.redraw();
		if (this.queue) (this.select(0), this.card.focus({ preventScroll: true }));
	}
	// What is typed into one field is one thing to undo.
	change(edit, field) {
		const { log, ...before } = this.draft;
		const text = JSON.stringify(before);
		edit(this.draft);
		if (!field || field !== this.field) this.draft.log = [...log, text].slice(-50);
		this.field = field;
		keep(this.draftName, this.draft);
	}
	redraw() {
		this.drawPills();
		this.drawTools();
	}
	drawPills() {
		for (const card of this.steps) {
			const index = card.dataset.step, { label, corrected_text } = this.draft.steps[index] ?? {};
			const pill = (text, kind) => make("span", { className: `pill is-${kind}` }, text), pills = [];
			if (label !== undefined) pills.push(pill(LABELS[label], LABELS[label]));
			if (this.draft.first === Number(index)) pills.push(pill("first error", "wrong"));
			if (corrected_text) pills.push(pill("rewritten", "open"));
			$(".said", card).replaceChildren(...pills);
		}
	}
	select(index) {
		this.at = Math.max(0, Math.min(this.steps.length - 1, index));
		this.steps.forEach((step, n) => {
			step.classList.toggle("current", n === this.at);
			step.ariaCurrent = n === this.at ? "step" : null;
		});
		this.drawTools();
	}
	drawTools() {
		$(".step > .tools", this.card)?.remove();
		const step = this.steps[this.at];
		if (!step) return;
		const index = Number(step.dataset.step), said = this.draft.steps[index] ?? {}, isFirst = this.draft.first === index;
		step.append($("#step-tools").content.cloneNode(true));
		const on = [`label:${said.label}`, isFirst && "first", said.corrected_text !== undefined && "rewrite"];
		for (const one of $$(".tools button", step)) one.ariaPressed = on.includes(one.dataset.do);
		const kind = $(".kind", step), text = $(".rewrite", step);
		kind.hidden = said.label !== -1 && !isFirst;
		text.hidden = said.corrected_text === undefined;
		$("select", kind).value = said.error_type ?? "";
		$("textarea", text).value = said.corrected_text ?? "";
	}
	edit(field) {
		const step = field.closest("[data-step]");
		if (!step) return;
		const index = step.dataset.step;
		this.change((draft) => ((draft.steps[index] ??= {})[field.name] = field.value || undefined), field.name + index);
		this.drawPills();
	}
	click(target) {
		const step = target.closest("[data-step]"), button = target.closest("[data-do]");
		if (step && !target.closest("a, .tools")) this.select(this.steps.indexOf(step));
		if (button) this.act(button.dataset.do);
	}
	act(what) {
		const [name, value] = what.split(":");
		if (name === "undo") return this.undo();
		if (!this.current) return;
		if (["accept", "reject", "unsure"].includes(name)) return this.decide(name);
		if (name === "next") return this.queue && (this.park(this.parked), this.advance());
		if (name === "kind") return $(".kind:not([hidden]) select", this.card)?.focus();
		if (name === "words") return (($("details", this.root).open = true), this.word("comment").focus());
		if (name === "move" || this.at < 0) this.select(name === "move" ? this.at + Number(value) : 0);
		const step = this.steps[this.at];
		if (name === "move") return step && (step.scrollIntoView({ block: "nearest" }), light({ target: step }));
		if (!step) return;
		this.change((draft) => {
			const index = Number(step.dataset.step), said = (draft.steps[index] ??= {}), label = Number(value), text = $(".text", step);
			if (name === "label") said.label = said.label === label ? undefined : label;
			if (name === "rewrite") said.corrected_text ??= text.dataset.source ?? text.innerText;
			if (name !== "first") return;
			draft.first = draft.first === index ? null : index;
			if (draft.first === index) said.label = -1;
		});
		this.redraw();
		if (name === "rewrite") $(".rewrite textarea", step).focus();
	}
	decide(decision) {
		const { draft, current } = this;
		const events = Object.entries(draft.steps).map(([step, said]) => ({ ...said, step: Number(step), first_error: draft.first === Number(step) }));
		const seconds = Math.min(86400, Math.round((performance.now() - this.began) / 100) / 10);
		const words = { comment: draft.comment || undefined, corrected_answer: draft.corrected_answer || undefined };
		const said = events.filter((one) => one.label !== undefined || one.first_error || one.error_type || one.corrected_text);
		const body = { events: [...said, { decision, seconds, tags: READERS.list(draft.tags ?? ""), ...words }] };
		if (current.lease) body.lease = { slot: current.lease.slot, fence: current.lease.fence };
		const item = { key: drawKey(), at: Date.now(), trace: current.trace, body };
		this.done.push({ ...current, key: item.key, draft });
		drop(this.draftName);
		keep(OUT + item.key, item);
		if (this.queue) this.advance();
		else this.show({ trace: current.trace });
		flush();
	}
	noteSaved(item) {
		if (!this.queue) return refresh(true);
		const count = $("[data-tally] b"), bar = $(".title .done");
		if (item.body.lease) count.dataset.n = Number(count.dataset.n) + 1;
		count.textContent = Number(count.dataset.n).toLocaleString("en");
		bar.setAttribute("width", (100 * count.dataset.n) / count.dataset.of);
	}
	park(list) {
		list.unshift({ ...this.current, node: this.card.firstElementChild });
		if (list === this.parked) list.push(list.shift());
	}
	async undo() {
		const last = this.done.at(-1);
		if (this.current && this.draft.log.length) {
			const { at, draft: { log } } = this;
			this.draft = { ...JSON.parse(log.at(-1)), log: log.slice(0, -1) };
			keep(this.draftName, this.draft);
			this.show(this.current, false);
			return this.select(at);
		}
		if (!last) return tell("", "Nothing to undo.");
		if (read(OUT + last.key) && !isSending) drop(OUT + last.key);
		else if (!(await this.takeBack(last))) return;
		this.done.pop();
		if (this.queue && this.current) this.park(this.ready);
		tell("", "Undone: judge it again.");
		this.show(last);
		if (!this.queue) refresh(true);
	}
	async takeBack(last) {
		const said = sent.get(last.key);
		if (!said) return tell("waiting", "It is just being saved: undo it in a moment.");
		try {
			while (said.ids.length) {
				said.etag = (await api("POST", `/v1/reviews/${said.ids.at(-1)}/undo`, undefined, { etag: said.etag })).etag;
				said.ids.pop();
			}
		} catch (error) {
			return tell("failed", `Not undone: ${why(error)}.`);
		}
		last.lease = null;
		return true;
	}
	async renew() {
		for (const item of [this.current, ...this.ready, ...this.parked]) {
			const lease = item?.lease;
			if (!lease || new Date(lease.expires_at) - Date.now() > 120000) continue;
			try {
				item.lease = (await api("POST", `/v1/queues/${this.queue}/leases/${lease.slot}/renewal`, { fence: lease.fence })).content;
			} catch (error) {
				if (error.status !== 409) continue;
				item.lease = null;
				this.ready = this.ready.filter((one) => one !== item);
				if (item === this.current) tell("waiting", "Somebody else has this trace now: what you say is kept outside the queue.");
			}
		}
	}
}
const KEYS = { j: "move:1", k: "move:-1", 1: "label:-1", 2: "label:0", 3: "label:1", e: "first", x: "rewrite", a: "accept", r: "reject", u: "unsure", z: "undo", n: "next", c: "words", t: "kind" };
addEventListener("keydown", (event) => {
	const { key, target } = event, isField = target.matches("input, textarea, select");
	if (key === "Escape" && isField) target.blur();
	if (isField || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
	const rows = $$("[data-row] th a"), at = rows.indexOf(document.activeElement);
	const keys = $("#keys"), field = { "/": "search", f: "where" }[key];
	if (key === "?" && keys) keys.showModal();
	else if (bench && KEYS[key]) bench.act(KEYS[key]);
	else if (asking && field) asking.elements[field].focus();
	else if (rows.length && (key === "j" || key === "k")) rows.at(Math.max(0, at + (key === "j" ? 1 : -1)) % rows.length).focus();
	else return;
	event.preventDefault();
});
addEventListener("submit", (event) => {
	const form = event.target;
	if (!form.matches("[data-api], [data-asking]")) return;
	event.preventDefault();
	form === asking ? swap(askedUrl()) : sendForm(form);
});
addEventListener("change", ({ target }) => {
	if (target.closest("[data-auto]")) target.form.requestSubmit();
	const ends = target.closest(".ends");
	if (ends) swap(askedUrl({ narrow: [ends.dataset.column, ...$$("input", ends).map((input) => input.value.trim())].join(":") }));
});
addEventListener("click", async (event) => {
	if (event.target.closest("[data-do=help]")) $("#keys").showModal();
	const link = event.target.closest("a[data-swap], a[data-more]");
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
	event.preventDefault();
	if ("more" in link.dataset) return load(link);
	await swap(link.href.baseVal ?? link.href);
	if ("next" in link.dataset) scrollTo(0, 0);
});

let liveTimer;
function begin() {
	for (const element of $$("[data-load], [data-more]")) seen.observe(element);
	bench?.redraw();
	clearTimeout(liveTimer);
	const live = $("[data-live]");
	if (live) liveTimer = setTimeout(() => (document.hidden ? begin() : refresh(true).then(begin)), live.dataset.live);
}
const bench = $("[data-bench]") && new Bench($("[data-bench]"));
if (asking) completeFilter();
if (location.hash.startsWith("#token=")) {
	const form = $("form[data-api]");
	form.elements.token.value = location.hash.slice(7);
	history.replaceState(null, "", location.pathname + location.search);
	form.requestSubmit();
}
begin();
flush();
showRefused();
