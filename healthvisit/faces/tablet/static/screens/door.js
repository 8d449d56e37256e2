// @ts-check
/** Before the tablet is open: sign in, choose a PIN, unlock. */

import { element } from "../app.js";
import { NoAnswer } from "../auth.js";
import { h } from "../dom.js";
import { button, errorSummary, input } from "../forms.js";
import { Notebook } from "../notebook.js";
import { WrongPin, pinFault } from "../vault.js";
import { counted } from "../words.js";
import { heading } from "./parts.js";

/** @typedef {import("../app.js").App} App */

const FORGOTTEN = "healthvisit-forgotten-pin";

/**
 * Choose the first screen: back from signing in, a PIN to ask for, or a sign-in to begin.
 * @param {App} app
 */
export async function arrive(app) {
  let people;
  try {
    people = await Notebook.everyone();
  } catch {
    app.put(noStore());
    return;
  }
  const address = new URL(location.href);
  if (address.pathname === "/tablet/signed-in") {
    history.replaceState(null, "", "/tablet/");
    try {
      const back = await app.signIn.complete(address);
      if (back !== null) {
        history.replaceState(null, "", `/tablet/${back}`);
        await signedIn(app, people);
        return;
      }
      app.notice = "The sign-in was not completed.";
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      app.notice = "The server did not answer while you were signing in.";
    }
  }
  app.put(people.length ? unlock(app, people) : signIn(app));
}

/** @param {App} app @param {import("../store.js").Person[]} people */
async function signedIn(app, people) {
  app.put(waiting());
  let caseload;
  try {
    caseload = await app.sync.caseload();
  } catch {
    app.notice = "The server did not give your caseload. Try again.";
    app.put(people.length ? unlock(app, people) : signIn(app));
    return;
  }
  const own = people.filter(({ account }) => account === caseload.practitioner.reference);
  const known = own.find(({ left_at: left }) => left === undefined);
  const forgotten = sessionStorage.getItem(FORGOTTEN);
  sessionStorage.removeItem(FORGOTTEN);
  if (known && known.id !== forgotten) app.put(unlock(app, own));
  else app.put(choosePin(app, caseload, known));
}

/** @returns {import("../app.js").Screen} */
function waiting() {
  return { title: "Fetching your caseload", content: [heading("Fetching your caseload")] };
}

/** @returns {import("../app.js").Screen} */
function noStore() {
  return {
    title: "This browser cannot keep records",
    content: [
      heading("This browser cannot keep records"),
      h("p", null, "It may be in private mode, or its storage may be full or switched off."),
      h("p", null, "Do not start a visit with it: nothing you enter would be kept."),
    ],
  };
}

/** @param {App} app @returns {import("../app.js").Screen} */
function signIn(app) {
  const go = () => app.leaveToSignIn();
  return {
    title: "Sign in",
    content: [
      heading("Sign in to your caseload"),
      h("p", null, "You need a signal the first time. After that, this tablet works without one."),
      h("div", { class: "hv-actions" }, button("Sign in", go)),
    ],
  };
}

/**
 * @param {App} app
 * @param {import("../notebook.js").Caseload} caseload
 * @param {import("../store.js").Person} [before] the same person, whose PIN is forgotten
 * @param {string} [fault]
 * @returns {import("../app.js").Screen}
 */
function choosePin(app, caseload, before, fault = "") {
  let pin = "";
  let again = "";
  const keep = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const wrong = pinFault(pin) ?? (pin === again ? null : "The two PINs are not the same");
    if (wrong) return app.put(choosePin(app, caseload, before, wrong));
    busy(event, "Preparing this tablet");
    const { reference: account, name } = caseload.practitioner;
    const notebook = await Notebook.made({ account, name }, pin);
    if (before) await Notebook.setAside(before);
    await notebook.keepCaseload(caseload, app.clock.offsetMs);
    await enter(app, notebook);
  };
  return {
    title: fault ? "Error: Choose a PIN" : "Choose a PIN for this tablet",
    content: [
      fault ? errorSummary([{ field: "pin", text: fault }]) : null,
      heading("Choose a PIN for this tablet", caseload.practitioner.name),
      h("p", null, "Children’s records on this tablet are locked with your PIN. You need it every time you come back."),
      h("p", null, "If you forget it, nobody can open what has not been sent yet."),
      form(
        keep,
        input({
          id: "pin",
          label: "PIN",
          hint: "At least 6 digits. A longer PIN or a phrase is harder to guess.",
          value: "",
          typed: (value) => (pin = value),
          fault,
          kind: "password",
          autocomplete: "new-password",
          width: "nhsuk-input--width-10",
        }),
        input({
          id: "pin-again",
          label: "The same PIN again",
          value: "",
          typed: (value) => (again = value),
          kind: "password",
          autocomplete: "new-password",
          width: "nhsuk-input--width-10",
        }),
        "Save PIN and open caseload",
      ),
    ],
  };
}

/**
 * @param {App} app
 * @param {import("../store.js").Person[]} people
 * @param {string} [fault]
 * @param {string} [chosen] id
 * @param {boolean} [isOld] what was kept under a PIN that was given up
 * @returns {import("../app.js").Screen}
 */
function unlock(app, people, fault = "", chosen = "", isOld = false) {
  const listed = people.filter(({ left_at: left }) => (left !== undefined) === isOld);
  const olds = people.length - listed.length;
  const one = listed.length === 1 ? listed[0] : null;
  let pin = "";
  let id = one?.id ?? chosen;
  const again = (/** @type {string} */ wrong) => app.put(unlock(app, people, wrong, id, isOld));
  const open = async (/** @type {Event} */ event) => {
    event.preventDefault();
    // Read again: another try may have been written down since this screen was drawn.
    const fresh = await Notebook.everyone();
    const person = fresh.find((each) => each.id === id);
    if (!person) return again("Choose your name");
    const left = Math.ceil((person.not_before_ms - Date.now()) / 1000);
    if (left > 0) return again(tooSoon(left));
    busy(event, "Opening");
    try {
      const notebook = await Notebook.opened(person, pin, Date.now());
      if (notebook.vanished) {
        app.alarm(
          `${counted(notebook.vanished, "contact")} waiting to be sent ${notebook.vanished === 1 ? "is" : "are"} no longer on this tablet. Tell your manager now.`,
        );
      } else if (notebook.broken) {
        app.alarm(`${counted(notebook.broken, "record")} on this tablet cannot be opened. Tell your manager.`);
      }
      await enter(app, notebook);
    } catch (error) {
      if (!(error instanceof WrongPin)) throw error;
      again("That PIN does not open this tablet. Try again");
    }
  };
  const link = (/** @type {string} */ text, /** @type {() => unknown} */ follow) =>
    h(
      "p",
      { class: "hv-link" },
      h("a", { class: "hv-target", href: "#/", click: (event) => (event.preventDefault(), follow()) }, text),
    );
  return {
    title: fault ? "Error: Enter your PIN" : "Enter your PIN",
    focus: fault ? null : "pin",
    content: [
      fault ? errorSummary([{ field: "pin", text: fault }]) : null,
      heading(isOld ? "Enter your old PIN" : "Enter your PIN", one?.name ?? null),
      form(
        open,
        one
          ? null
          : h(
              "div",
              { class: "nhsuk-form-group" },
              h("label", { class: "nhsuk-label nhsuk-label--s", for: "person" }, "Your name"),
              h(
                "select",
                {
                  class: "nhsuk-select",
                  id: "person",
                  change: (event) => (id = event.target.value),
                },
                h("option", { value: "" }, "Choose your name"),
                listed.map((person) => h("option", { value: person.id, selected: person.id === chosen }, person.name)),
              ),
            ),
        input({
          id: "pin",
          label: "PIN",
          value: "",
          typed: (value) => (pin = value),
          fault,
          kind: "password",
          autocomplete: "current-password",
          width: "nhsuk-input--width-10",
        }),
        "Unlock",
      ),
      link("Sign in as someone else", () => app.leaveToSignIn({ asSomeoneElse: true })),
      one && !isOld ? link("I have forgotten my PIN", () => app.put(forgottenPin(app, people, one))) : null,
      olds && !isOld
        ? link("Open what was kept under an old PIN", () => app.put(unlock(app, people, "", "", true)))
        : null,
      isOld ? link("Back to my own PIN", () => app.put(unlock(app, people))) : null,
    ],
  };
}

/**
 * @param {App} app
 * @param {import("../store.js").Person[]} people
 * @param {import("../store.js").Person} person
 * @returns {import("../app.js").Screen}
 */
function forgottenPin(app, people, person) {
  const waiting = Notebook.unsentOf(person.id);
  return {
    title: "Forgotten PIN",
    content: [
      heading("Forgotten PIN", person.name),
      h(
        "p",
        null,
        "Nobody can open what is locked under your old PIN. It is not deleted: if you remember the PIN later, you can open it here and send it.",
      ),
      waiting
        ? h(
            "p",
            { class: "hv-reason" },
            `${counted(waiting, "contact")} on this tablet ${waiting === 1 ? "has" : "have"} not been sent. Write down now what you remember.`,
          )
        : h("p", null, "Nothing on this tablet is waiting to be sent. Drafts under the old PIN stay locked."),
      h(
        "div",
        { class: "hv-actions" },
        button("Sign in and choose a new PIN", async () => {
          sessionStorage.setItem(FORGOTTEN, person.id);
          await app.leaveToSignIn({ asSomeoneElse: true });
        }),
        button("Try my PIN again", () => app.put(unlock(app, people)), "secondary"),
      ),
    ],
  };
}

/**
 * Open the notebook, in one tab at a time: two would overwrite each other's drafts.
 * @param {App} app
 * @param {Notebook} notebook
 */
async function enter(app, notebook) {
  if (await app.isAlone(notebook.person.id)) return app.unlocked(notebook);
  notebook.lock();
  app.put({
    title: "Already open",
    content: [
      heading("Already open in another tab"),
      h(
        "p",
        null,
        "Your caseload is open in another tab or window of this tablet. Go on there, or close it and try again.",
      ),
      h(
        "div",
        { class: "hv-actions" },
        button("Try again", () => arrive(app)),
      ),
    ],
  });
}

/** @param {number} seconds */
function tooSoon(seconds) {
  return `Too many wrong PINs. Wait ${counted(seconds, "second")}, then try again`;
}

/**
 * @param {(event: Event) => unknown} sent
 * @param {...(Node | string | null)} parts fields, and the words of the button last
 */
function form(sent, ...parts) {
  const text = String(parts.pop());
  return h(
    "form",
    { submit: sent, novalidate: true },
    ...parts,
    h("div", { class: "hv-actions" }, h("button", { class: "nhsuk-button hv-button", id: "submit" }, text)),
  );
}

/** @param {Event} _event @param {string} text */
function busy(_event, text) {
  const submit = element("submit");
  submit.textContent = text;
  submit.setAttribute("aria-disabled", "true");
}
