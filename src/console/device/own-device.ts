/** The device that this browser is, kept in IndexedDB: the key stays a key there, which no script can read out. */

export interface OwnDevice {
  deviceId: string;
  /** As it was registered; the account may have renamed it since. */
  name: string;
  /** ES256, not extractable. */
  privateKey: CryptoKey;
}

const DATABASE = "appia";
const STORE = "device";
const KEY = "own";

/** The device that this browser is; null where it is none yet. */
export async function readOwnDevice(): Promise<OwnDevice | null> {
  return (await inStore<OwnDevice | undefined>("readonly", (store) => store.get(KEY))) ?? null;
}

export async function keepOwnDevice(device: OwnDevice): Promise<void> {
  await inStore("readwrite", (store) => store.put(device, KEY));
}

export async function forgetOwnDevice(): Promise<void> {
  await inStore("readwrite", (store) => store.delete(KEY));
}

/** Resolves once it is committed. Rejects where the browser keeps nothing, as some do in private windows. */
async function inStore<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await resultOf(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const { promise: committed, resolve, reject } = Promise.withResolvers<void>();
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    const request = act(transaction.objectStore(STORE));
    await committed;
    return request.result;
  } finally {
    database.close();
  }
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
