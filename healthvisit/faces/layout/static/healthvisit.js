// Starts the behaviour of the NHS components that stand on the page.
import { initAll } from "./nhsuk.js";

initAll();
