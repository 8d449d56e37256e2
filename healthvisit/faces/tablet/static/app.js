// @ts-check
/**
 * The tablet's page: starts, knows which screen stands, keeps the line about sending true, locks when left alone.
 * Screens are functions from the app and the parts of the address to what is shown.
 */

import { NoAnswer, SignIn } from "./auth.js";
import { civilDate, clockTime } from "./civil.js";
import { Clock } from "./clock.js";
import { h } from "./dom.js";
import { lineWords, ready, toHandIn, unsent } from "./outbox.js";
import * as child from "./screens/child.js";
import * as door from "./screens/door.js";
import * as record from "./screens/record.js";
import * as sent from "./screens/sent.js";
import * as today from "./screens/today.js";
import { deviceId } from "./store.js";
import { Sync } from "./sync.js";
import { longDate } from "./words.js";

const LOCK_AFTER_MS = 10 * 60_000;
const EVERY_MS = 15_000;
const LEAST_ROOM = 20_000_000;

/**
 * @typedef {object} Screen
 * @property {string} title never with a child's name: browsers keep titles on the disk
 * @property {import("./dom.js").Content[]} content
 * @property {{href: string, text?: string}} [back]
 * @property {() => import("./dom.js").Content[]} [refreshed] what replaces the content when something has changed
 * @property {string | null} [focus] field to return to: its id, or id=value for a choice
 *
 * @typedef {(app: App, ...parts: string[]) => Screen | null} Draw
 */

/** @type {[RegExp, Draw][]} */
const SCREENS = [
  [/^#\/search$/, today.search],
  [/^#\/outbox$/, sent.outbox],
  [/^#\/sent\/([^/]+)$/, sent.sent],
  [/^#\/child\/([^/]+)$/, child.child],
  [/^#\/child\/([^/]+)\/([^/]+)\/quick\/(declined|no-access)$/, record.quick],
  [/^#\/child\/([^/]+)\/([^/]+)\/([^/?]+)(?:\?change=([^/]+))?$/, record.page],
];

export class App {
  constructor() {
    this.origin = location.origin;
    this.clock = new Clock();
    this.signIn = new SignIn(this.origin, sessionStorage);
    /** @type {import("./notebook.js").Notebook | null} */
    this.notebook = null;
    /** @type {Screen | null} */
    this.screen = null;
    /** Drafts as they stand on the screen, by child and review; the notebook has them half a second later at most.
     * @type {Map<string, import("./notebook.js").Draft>} */
    this.current = new Map();
    /** What the person looks for and which list is shown, kept while the tablet is open. */
    this.sought = "";
    this.list = "now";
    /** Said once at the top of the next screen. */
    this.notice = "";
    this.sync = new Sync({
      origin: this.origin,
      signIn: this.signIn,
      clock: this.clock,
      notebook: () => this.notebook,
      changed: () => this.changed(),
      device: { id: deviceId, build: document.documentElement.dataset.build ?? "" },
    });
    this.usedAtMs = Date.now();
    /** Lets another tab open the notebook. */
    this.release = () => {};
    /** @type {ServiceWorkerRegistration | null} */
    this.worker = null;
    /** Whether the screen is drawn because the tablet was just unlocked: the person goes on where they were. */
    this.isReturning = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.saving = undefined;
    /** @type {(() => Promise<void>) | null} */
    this.unsaved = null;
  }

  /** The civil date on which we are. */
  get today() {
    return civilDate(this.clock.now());
  }

  /** @param {string} instant the time on a clock, with the day where it is another one */
  clockWords(instant) {
    const at = new Date(instant);
    const on = civilDate(at);
    return on === this.today ? clockTime(at) : `${clockTime(at)} on ${longDate(on)}`;
  }

  async start() {
    addEventListener("hashchange", () => this.show());
    addEventListener("online", () => this.synchronise({ hurried: true }));
    addEventListener("offline", () => this.changed());
    document.addEventListener("visibilitychange", () => this.#seen());
    for (const sign of ["pointerdown", "keydown"]) {
      addEventListener(sign, () => (this.usedAtMs = Date.now()), { passive: true, capture: true });
    }
    for (const fault of ["error", "unhandledrejection"]) addEventListener(fault, () => this.#faulted());
    setInterval(() => this.#tick(), EVERY_MS);
    element("sync-button").addEventListener("click", () => this.pressed());
    element("lock-button").addEventListener("click", () => this.lock());
    // The address after # is the screen, so the way past the header is walked by hand.
    document.querySelector(".nhsuk-skip-link")?.addEventListener("click", (event) => {
      event.preventDefault();
      element("main").tabIndex = -1;
      element("main").focus();
    });
    void this.#register();
    void room();
    await door.arrive(this);
  }

  /** Never said as if nothing had happened, and never with what was in it. */
  #faulted() {
    this.alarm("Something went wrong on this page. What was kept is safe. Lock the tablet and open it again.");
  }

  #seen() {
    if (document.visibilityState === "visible") {
      this.#lockIfLeft();
      void this.synchronise();
    } else {
      void this.save();
    }
  }

  #tick() {
    this.#lockIfLeft();
    const items = this.notebook?.outbox ?? [];
    if (ready(items, Date.now()).length || toHandIn(items, Date.now()).length) void this.synchronise();
  }

  #lockIfLeft() {
    if (this.notebook && Date.now() - this.usedAtMs > LOCK_AFTER_MS) void this.lock();
  }

  /**
   * Keep the whole page for the times without a signal. A new build takes over only while the tablet is locked, when
   * nothing is being filled in.
   */
  async #register() {
    const workers = navigator.serviceWorker;
    if (!workers) return;
    const hadOne = workers.controller !== null;
    workers.addEventListener("controllerchange", () => {
      if (hadOne && this.notebook === null) location.reload();
    });
    try {
      this.worker = await workers.register("/tablet/service_worker.js", { scope: "/tablet/", updateViaCache: "none" });
      this.#takeNewBuild();
    } catch {
      // Without it the page works while there is a signal, and the line about sending says the rest.
    }
  }

  #takeNewBuild() {
    if (this.notebook === null) this.worker?.waiting?.postMessage("take over");
  }

  /** @param {import("./notebook.js").Notebook} notebook */
  unlocked(notebook) {
    this.notebook = notebook;
    this.sync.line = "unknown";
    this.usedAtMs = Date.now();
    this.clock.offsetMs = notebook.clockOffsetMs;
    this.isReturning = true;
    this.show();
    this.isReturning = false;
    void this.synchronise({ hurried: true });
  }

  /**
   * Whether this is the only tab in which this person's notebook is open; it stays so until it is locked.
   * @param {string} id
   * @returns {Promise<boolean>}
   */
  isAlone(id) {
    return new Promise((tell) => {
      void navigator.locks.request(`healthvisit-open-${id}`, { ifAvailable: true }, (held) => {
        tell(held !== null);
        if (held === null) return undefined;
        return new Promise((release) => {
          this.release = () => release(undefined);
        });
      });
    });
  }

  /** Everything that was readable goes; what is sealed stays, and the address keeps the place. */
  async lock() {
    await this.save();
    this.notebook?.lock();
    this.notebook = null;
    this.release();
    this.current.clear();
    this.sought = "";
    this.signIn.forget();
    await door.arrive(this);
    this.#takeNewBuild();
  }

  /** Send now: the person asked, so the person is told, whatever comes of it. */
  async pressed() {
    if (this.sync.line === "sign-in") return this.leaveToSignIn();
    if (this.sync.line === "other-person") return this.leaveToSignIn({ asSomeoneElse: true });
    this.said("Trying to reach the server");
    await this.synchronise({ pressed: true });
  }

  /**
   * Off to the sign-in page, and back to this screen.
   * @param {{asSomeoneElse?: boolean}} [how] whoever is signed in on this browser is signed out first
   */
  async leaveToSignIn({ asSomeoneElse = false } = {}) {
    await this.save();
    try {
      if (asSomeoneElse) await this.signIn.leave();
      location.assign(await this.signIn.begin(location.hash));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.sync.line = "no-answer";
      this.notice = "The server does not answer. You can go on without a signal.";
      if (this.notebook) this.changed();
      else await door.arrive(this);
    }
  }

  /** @param {{pressed?: boolean, hurried?: boolean}} [how] */
  async synchronise(how = {}) {
    if (this.notebook === null) return;
    await this.sync.run(how);
  }

  /**
   * Keep something soon: while someone types, the last keystrokes wait half a second, never more.
   * @param {() => Promise<void>} keep
   * @param {boolean} now
   */
  async keep(keep, now) {
    clearTimeout(this.saving);
    this.unsaved = keep;
    if (now) await this.save();
    else this.saving = setTimeout(() => void this.save(), 500);
  }

  /** Keep what waits to be kept. A tablet that is full must say so at once. */
  async save() {
    clearTimeout(this.saving);
    const keep = this.unsaved;
    this.unsaved = null;
    if (keep === null) return;
    try {
      await keep();
      element("alarm").hidden = true;
    } catch (error) {
      this.unsaved ??= keep;
      const why = error instanceof DOMException && error.name === "QuotaExceededError" ? "This tablet is full. " : "";
      this.alarm(`${why}Your last answer was NOT kept. Write it down, then free some space or use another tablet.`);
    }
  }

  /** @param {string} text */
  alarm(text) {
    element("alarm").hidden = false;
    element("alarm-text").textContent = text;
  }

  /** Draw the screen of the address. */
  show() {
    if (this.notebook === null) return;
    const address = location.hash || "#/";
    for (const [pattern, draw] of SCREENS) {
      const match = pattern.exec(address);
      const screen = match && draw(this, ...match.slice(1).map((part) => decodeURIComponent(part ?? "")));
      if (screen) return this.put(screen);
    }
    this.put(today.today(this));
  }

  /** @param {Screen} screen */
  put(screen) {
    this.screen = screen;
    document.title = `${screen.title} – Health visiting record`;
    const notice = this.notice;
    this.notice = "";
    const main = element("main");
    main.replaceChildren();
    const back = screen.back;
    element("back").hidden = !back;
    element("back").replaceChildren(
      ...(back ? [h("a", { class: "nhsuk-back-link hv-target", href: back.href }, back.text ?? "Back")] : []),
    );
    if (notice) main.append(h("p", { class: "hv-notice", role: "status" }, notice));
    for (const part of screen.content) if (part instanceof Node) main.append(part);
    this.#frame();
    scrollTo(0, 0);
    const field = screen.focus ? fieldOf(screen.focus) : null;
    if (field) {
      field.focus({ preventScroll: true });
      field.closest(".nhsuk-form-group")?.scrollIntoView({ block: "center" });
      return;
    }
    const heading = main.querySelector("#error-summary") ?? main.querySelector("h1");
    if (heading instanceof HTMLElement) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  }

  /** Something that is shown may have changed. Nothing that is being filled in is redrawn. */
  changed() {
    this.#frame();
    const refreshed = this.screen?.refreshed;
    if (this.notebook === null || !refreshed) return;
    const main = element("main");
    const next = h("main", null, ...refreshed());
    // A page that has not changed is left alone: a finger or a screen reader may be on it.
    if (isSame(main, next)) return;
    const focused = document.activeElement?.id;
    const headed = document.activeElement?.tagName === "H1";
    main.replaceChildren(...next.childNodes);
    const again =
      focused && focused !== "main" ? document.getElementById(focused) : headed ? main.querySelector("h1") : null;
    if (again instanceof HTMLElement) {
      if (headed) again.tabIndex = -1;
      again.focus({ preventScroll: true });
    }
  }

  #frame() {
    const isOpen = this.notebook !== null;
    element("sync").hidden = !isOpen;
    element("lock-button").hidden = !isOpen;
    const demonstration = element("demonstration");
    demonstration.hidden = !this.clock.isShifted;
    if (this.clock.isShifted) {
      element("demonstration-text").textContent =
        `Demonstration: invented children. The clock is set to ${longDate(this.today)}.`;
    }
    if (!isOpen) return;
    const items = this.notebook?.outbox ?? [];
    this.said([lineWords(items, (at) => this.clockWords(at)), this.#signal()].filter(Boolean).join(". ") + ".");
    const needsSignIn = this.sync.line === "sign-in" || this.sync.line === "other-person";
    element("sync-button").textContent = needsSignIn ? "Sign in" : unsent(items).length ? "Send now" : "Update";
    const isHeld = items.some(({ state, replaced_by }) => state !== "received" && state !== "handed-in" && !replaced_by);
    element("sync").classList.toggle("hv-sync--held", isHeld || needsSignIn);
  }

  #signal() {
    if (!navigator.onLine) return "No signal";
    switch (this.sync.line) {
      case "no-answer":
        return "The server does not answer";
      case "sign-in":
        return "Sign in to send";
      case "other-person":
        return `${this.sync.otherName} is signed in here. Sign in as ${this.notebook?.person.name} to send`;
      default:
        return "";
    }
  }

  /** @param {string} text */
  said(text) {
    const line = element("sync-text");
    if (line.textContent !== text) line.textContent = text;
  }
}

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** @param {string} focus @returns {HTMLElement | null} */
function fieldOf(focus) {
  const [id, value] = focus.split("=");
  const chosen = [...document.getElementsByName(id)].find(
    (each) => each instanceof HTMLInputElement && each.value === value,
  );
  return chosen ?? document.getElementById(id);
}

/** @param {Element} one @param {Element} other */
function isSame(one, other) {
  return (
    one.childNodes.length === other.childNodes.length &&
    [...one.childNodes].every((node, index) => bare(node).isEqualNode(other.childNodes[index]))
  );
}

/** Without the mark that a heading got when it took the focus. @param {Node} node */
function bare(node) {
  const copy = node.cloneNode(true);
  if (copy instanceof Element) {
    for (const heading of [copy, ...copy.querySelectorAll("h1")]) heading.removeAttribute("tabindex");
  }
  return copy;
}

/** Ask to be kept, and say before a visit starts where there is no room for it. */
async function room() {
  await navigator.storage?.persist?.();
  const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
  if (quota - usage < LEAST_ROOM) {
    element("alarm").hidden = false;
    element("alarm-text").textContent = "This tablet is nearly full. Free some space before your next visit.";
  }
}

if (document.getElementById("sync-text")) void new App().start();
