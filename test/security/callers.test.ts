/** Attacks on what callers may do. One worker is enough for them: each file of tests has its own, and pays for it. */
import "./algorithms.attack.ts";
import "./members.attack.ts";
import "./objects.attack.ts";
import "./pairing.attack.ts";
import "./tokens.attack.ts";
import "./wycheproof.attack.ts";
