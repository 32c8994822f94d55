/** Attacks with what travels: words, addresses, frames and bodies. They share a worker as those in callers.test.ts do. */
import "./bodies.attack.ts";
import "./floods.attack.ts";
import "./impersonation.attack.ts";
import "./lines.attack.ts";
import "./names.attack.ts";
import "./post-backs.attack.ts";
