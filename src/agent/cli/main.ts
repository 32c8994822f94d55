import { run } from "./program.ts";
import { endWithReader } from "./screen.ts";

endWithReader();
await run(process.argv.slice(2));
