/** Every file of attacks, in one worker: each file of tests has a worker of its own, and pays a second of CPU for it. */
import.meta.glob("./*.attack.ts", { eager: true });
