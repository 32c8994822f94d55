/** Every bound of the service, with its unit and its reason. */

const KIB = 1024;
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

// ---- Bodies and payloads ----

/** Bytes of a payload or a response payload as compact UTF-8 JSON. */
export const PAYLOAD_BYTES_MAX = 256 * KIB;
/** Levels of nesting in a payload; also keeps structured clone, which recurses, far from its end. */
export const PAYLOAD_DEPTH_MAX = 64;
/** Bytes of a request body: a payload written with generous white space and escapes, and its envelope. */
export const BODY_BYTES_MAX = 1024 * KIB;
/** Levels of nesting in a body: a payload one level down. */
export const BODY_DEPTH_MAX = PAYLOAD_DEPTH_MAX + 1;
/** UTF-16 units of a device's frame: a response payload with generous white space and escapes, and its envelope. */
export const FRAME_LENGTH_MAX = 1024 * KIB;
/** Messages in one JSON-RPC batch of a device: each may be a call to another object. */
export const BATCH_MESSAGES_MAX = 100;
/** UTF-16 units of a request's id in a batch: it is echoed, and joins the names by which repeats are known. */
export const BATCH_ID_LENGTH_MAX = 128;
/** UTF-16 units of the headers of a request in a batch, names and values: what HTTP servers take of one by itself. */
export const BATCH_HEADERS_LENGTH_MAX = 32 * KIB;
/** Requests in one $batch, and bytes of the whole of it: Graph's own bounds. */
export const BATCH_PARTS_MAX = 20;
export const BATCH_BYTES_MAX = 4 * KIB * KIB;
/** Levels of nesting in a $batch: a body three levels down. */
export const BATCH_DEPTH_MAX = BODY_DEPTH_MAX + 3;

// ---- Names and addresses ----

/** UTF-16 units of a device's name, manufacturer or model: a line on a screen. */
export const DEVICE_TEXT_LENGTH_MAX = 256;
/** UTF-16 units of appServiceName and packageFamilyName. Windows' own names stay below 256. */
export const SERVICE_NAME_LENGTH_MAX = 512;
/** UTF-16 units of postBackUri and payload.uri: what browsers and proxies carry. */
export const URI_LENGTH_MAX = 8 * KIB;
/** UTF-16 units of the caller's client-request-id, which is echoed into a header. */
export const CLIENT_REQUEST_ID_LENGTH_MAX = 256;
/** UTF-16 units of a bearer token: proxies cut headers at 8 to 16 KiB. */
export const TOKEN_LENGTH_MAX = 8 * KIB;
/** Bits of an RSA device key's modulus, at least and at most (RFC 7518, 3.3 asks 2048; larger only costs CPU). */
export const RSA_MODULUS_BITS_MIN = 2048;
export const RSA_MODULUS_BITS_MAX = 4096;

// ---- Counts ----

/** Devices of one account; listing asks each device for its presence, so this also bounds a listing's hops. */
export const DEVICES_PER_ACCOUNT_MAX = 500;
/** Devices on one page of a listing: one hop each, well below the platform's 1,000 subrequests. */
export const DEVICES_PER_PAGE = 100;
/** Commands on one page of a listing, when the caller does not say, and at most. One hop each. */
export const COMMANDS_PER_PAGE = 20;
export const COMMANDS_PER_PAGE_MAX = 100;
/**
 * Bytes of payloads and response payloads on one page of a listing, but for a single command's: a page that would hold
 * more ends early. Twenty listings in one batch then stay well within an isolate's 128 MB.
 */
export const LISTING_BYTES_MAX = 1024 * KIB;
/** Commands that a listing asks for at once, at first; doubled while they are small. */
export const LISTING_WINDOW = 8;
/** Unfinished commands of one device: more is a runaway sender, and the device would drown on coming online. */
export const OPEN_COMMANDS_PER_DEVICE_MAX = 20_000;
/**
 * History entries of one command after which progress and stray reports are no longer listed. With the longest words
 * and payloads a command stays below 2 MB, the most that the platform keeps in a row.
 */
export const HISTORY_ENTRIES_MAX = 500;
/** UTF-16 units of words in a history entry. */
export const HISTORY_WORDS_LENGTH_MAX = 256;
/** UTF-16 units of a device's own words: progress message, drop reason, error message. */
export const DEVICE_WORDS_LENGTH_MAX = 1_024;

// ---- Times ----

/** Milliseconds a command may wait for its delivery unless the caller says otherwise (PT24H). */
export const DELIVERY_TIMEOUT_MS = DAY;
/** Milliseconds a command may run unless the caller says otherwise (PT10M). */
export const EXECUTION_TIMEOUT_MS = 10 * MINUTE;
/** Milliseconds, the shortest and the longest of either timeout: below a second nothing is delivered, after 30 days all is erased. */
export const TIMEOUT_MS_MIN = SECOND;
export const TIMEOUT_MS_MAX = 30 * DAY;
/** Milliseconds after a hand-over without acknowledgement until the device is asked `ping`. */
export const ACKNOWLEDGE_TIMEOUT_MS = 10 * SECOND;
/** Milliseconds the device has to answer `ping` before its connection is closed. */
export const PING_TIMEOUT_MS = 10 * SECOND;
/** Milliseconds between checks of a connection that holds a command nobody acknowledged: a crash tells no one. */
export const LIVENESS_INTERVAL_MS = MINUTE;
/** Milliseconds after which a hand-over that was begun and not concluded is begun again: a crash between two steps. */
export const OFFER_TIMEOUT_MS = 10 * SECOND;
/** Milliseconds a device has to answer `cancel`. */
export const CANCEL_TIMEOUT_MS = MINUTE;
/** Milliseconds between accepting a connection and handing over what waits: the handshake's answer goes out first. */
export const HANDSHAKE_PAUSE_MS = 10;
/** Milliseconds a command's object has to answer its device's, which others wait for; it takes some ten. */
export const COMMAND_TIMEOUT_MS = 3 * SECOND;
/** Milliseconds that a device's connection waits for commands that are moving out before it goes on without them. */
export const LANDING_PATIENCE_MS = 250;
/** Attempts to hand a command over. */
export const ATTEMPTS_MAX = 10;
/** Milliseconds, the first backoff and the largest. */
export const BACKOFF_MS_MIN = 2 * SECOND;
export const BACKOFF_MS_MAX = 5 * MINUTE;
/** Seconds that `Prefer: wait` may ask for: an open request keeps the command in memory. */
export const WAIT_SECONDS_MAX = 60;
/** Milliseconds between signs of life on an event stream, so that neither end takes silence for a broken line. */
export const WATCH_HEARTBEAT_MS = 15 * SECOND;
/** Days a finished command is kept unless the var RETENTION_DAYS says otherwise, and at most. */
export const RETENTION_DAYS = 30;
export const RETENTION_DAYS_MAX = 3_650;
/** Seconds a device's token may be valid for. */
export const DEVICE_TOKEN_SECONDS_MAX = 3_600;
/**
 * Milliseconds for which a token that was found good is not checked again but for its expiry, and how many such an
 * isolate remembers: the longest tokens take 8 MB. So long does a key that its issuer withdraws live on.
 */
export const VERIFIED_TOKEN_MS = MINUTE;
export const VERIFIED_TOKENS_MAX = 1_000;
/** Seconds by which two clocks may differ when tokens are checked (RFC 7519, 4.1.4: "no more than a few minutes"). */
export const CLOCK_TOLERANCE_SECONDS = 30;

// ---- Post-backs ----

/** Milliseconds before each attempt at a post-back (after Standard Webhooks). */
export const POST_BACK_DELAYS_MS = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;
/** Milliseconds a receiver has to answer. */
export const POST_BACK_TIMEOUT_MS = 15 * SECOND;
/** Milliseconds after which an attempt that was begun and not concluded is begun again: a crash in between. */
export const POST_BACK_GUARD_MS = POST_BACK_TIMEOUT_MS + 5 * SECOND;
/** Milliseconds that a receiver's Retry-After may put an attempt off. */
export const POST_BACK_RETRY_AFTER_MS_MAX = DAY;
/** Attempts that a history lists one by one, the latest. */
export const POST_BACK_ATTEMPTS_LISTED_MAX = 100;

// ---- Repeats ----

/** UTF-16 units of an Idempotency-Key. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 256;

// ---- Devices without sockets ----

/** Frames, and UTF-16 units, of the answer to one poll: the next poll gets the rest. */
export const POLL_FRAMES_MAX = 100;
export const POLL_BYTES_MAX = 1024 * KIB;
/** Milliseconds after a poll for which the device counts as online: those who poll are not there all the time. */
export const POLL_PRESENCE_MS = 30 * SECOND;
/**
 * Milliseconds after a sign of life for which a new command waits for a device between two polls: time to acknowledge
 * and to ask again over a slow line. A command that is not to wait would else find it offline after every other one.
 */
export const POLL_GAP_MS = 2 * SECOND;
/** Milliseconds from the first frame of a poll's answer to its sending: what is sent in one breath goes together. */
export const POLL_BURST_MS = 5;

// ---- Commands that stay in their device's list ----

/**
 * Milliseconds after a hand-over for which a command stays in its device's list: a device that is there answers most
 * within them, and what ends so soon is written once, and needs no object of its own. A caller who asks for it
 * meanwhile ends the wait. The device's object stays in memory for it: a second costs less than two rows.
 */
export const STAY_MS = SECOND;
/** The same where more is at stake: each status is posted back, or many are on their way. */
export const STAY_BRIEFLY_MS = 5;
/** Commands on their way, and UTF-16 units of their payloads, above which each stays only briefly. */
export const IN_FLIGHT_MAX = 256;
export const IN_FLIGHT_LENGTH_MAX = 8 * KIB * KIB;
/** Commands that a device is given ahead of its answers when many have waited for it: it answers each within the second. */
export const DRAINED_AHEAD_MAX = 64;
/** UTF-16 units of payload and response payload, and history entries, above which a command does not stay. */
export const RESIDENT_LENGTH_MAX = 8 * KIB;
export const RESIDENT_ENTRIES_MAX = 50;
/** Commands of which an isolate remembers that they have objects of their own: each takes some 200 bytes. */
export const MOVED_OUT_MAX = 10_000;
/** Bytes of a device's database above which no command stays: the platform's 10 GB, less a fifth. */
export const RESIDENT_BYTES_TOTAL_MAX = 8e9;

// ---- Floods ----

/** Messages a device may send a second, and at once; an object serves about as many requests a second. */
export const MESSAGES_PER_SECOND_MAX = 1_000;
export const MESSAGES_BURST_MAX = 2_000;
/** Messages that a device may send besides for each command that it is given: a word that it has begun, two on its progress, its result. */
export const MESSAGES_PER_COMMAND = 4;

/**
 * Seconds after which those who ask too often may ask again: the period of the rate limits in wrangler.toml, where
 * their numbers stand with their reasons.
 */
export const RATE_LIMIT_SECONDS = 60;

// ---- Deleting an account ----

/** Devices that are deleted at once: hides the hop to each without a stampede. */
export const DELETION_AT_ONCE = 8;
/**
 * Commands of a device that one call deletes: a call to each, well below the platform's 1,000 of one invocation, and
 * few enough for whoever waits to keep to their patience.
 */
export const DELETION_COMMANDS = 200;
/** Milliseconds for which a caller waits until all is deleted; most accounts are gone in a few hundred. */
export const DELETION_PATIENCE_MS = 5 * SECOND;
/** Milliseconds for which one alarm deletes: far from the 15 minutes that it has. */
export const DELETION_SLICE_MS = 30 * SECOND;
/** Milliseconds until the alarm goes on with a deletion that is not done, or broke off. */
export const DELETION_RETRY_MS = 10 * SECOND;

// ---- Health ----

/** Milliseconds for which an isolate's word on the service's health holds: whoever asks, and however often. */
export const HEALTH_MS = 5 * SECOND;
/** Milliseconds an object has to say that it is there. */
export const HEALTH_TIMEOUT_MS = 2 * SECOND;

// ---- Pairing ----

/** Letters of a user code: 20^8 codes, of which a guesser who is held to 20 a minute meets none in ten minutes (RFC 8628, 5.1). */
export const USER_CODE_LENGTH = 8;
/** Milliseconds in which a person can decide: time to find another screen and to sign in there. */
export const PAIRING_MS = 10 * MINUTE;
/** Milliseconds for which a decision outlasts its code: a device that asks ever more slowly has still time to hear of it. */
export const PAIRING_LINGER_MS = MINUTE;
/** Seconds between two questions of a device, and by which they grow where it asks sooner (RFC 8628, 3.2 and 3.5). */
export const PAIRING_INTERVAL_SECONDS = 5;
/** Codes drawn until one is free: with a million pairings under way, one of 25,000 is taken. */
export const USER_CODE_DRAWS_MAX = 3;
/** Bytes of a device's question: its code is 52 letters long. */
export const PAIRING_QUESTION_BYTES_MAX = 8 * KIB;
