// Both checksums are the reflected CRC-32 construction and differ in the polynomial only.
const IEEE = 0xedb88320;
const CASTAGNOLI = 0x82f63b78;

function makeTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
}

const IEEE_TABLE = makeTable(IEEE);
const CASTAGNOLI_TABLE = makeTable(CASTAGNOLI);

function checksum(table: Uint32Array, bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** CRC-32 of zip and PNG, as an unsigned number. (`zlib.crc32` came to Node after 20.9.) */
export function crc32(bytes: Uint8Array): number {
  return checksum(IEEE_TABLE, bytes);
}

/** CRC-32C (Castagnoli) of TFRecord files, as an unsigned number. */
export function crc32c(bytes: Uint8Array): number {
  return checksum(CASTAGNOLI_TABLE, bytes);
}
