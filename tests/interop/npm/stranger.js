// SPDX-License-Identifier: MIT
'use strict';
// stranger.js SITE KIT: what npm's own Sigstore makes of the newest checkpoint and of each receipt, with go/main.go's kit and statuses.
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { verifyTLogInclusion } = require('@sigstore/verify/dist/tlog');
const { verifyCheckpoint } = require('@sigstore/verify/dist/tlog/checkpoint');

const ED25519 = Buffer.from('302a300506032b6570032100', 'hex'); // what is before the key in a SubjectPublicKeyInfo

// A vkey as Sigstore has its logs.
function authority(vkey) {
  const [name, id, ...key] = vkey.split('+');
  const raw = Buffer.from(key.join('+'), 'base64').subarray(1);
  return {
    baseURL: name,
    logID: Buffer.from(id, 'hex'),
    publicKey: crypto.createPublicKey({ key: Buffer.concat([ED25519, raw]), format: 'der', type: 'spki' }),
  };
}

// A receipt as Sigstore has an entry of a log.
function entry(text) {
  const end = text.indexOf('\n\n');
  const [magic, extra, index, ...hashes] = text.slice(0, end).split('\n');
  if (magic !== 'c2sp.org/tlog-proof@v1') throw new Error('not a tlog-proof');
  const { leaf } = JSON.parse(Buffer.from(extra.replace(/^extra /, ''), 'base64').toString());
  return {
    canonicalizedBody: Buffer.from(leaf),
    inclusionProof: {
      logIndex: index.replace(/^index /, ''),
      hashes: hashes.map((hash) => Buffer.from(hash, 'base64')),
      checkpoint: { envelope: text.slice(end + 2) },
    },
  };
}

async function main(site, kit) {
  const logs = fs.readFileSync(path.join(kit, 'vkey'), 'utf8').trim().split('\n').map(authority);
  const head = await (await fetch(`${site.replace(/\/$/, '')}/checkpoint`)).text();
  const receipts = fs.readdirSync(path.join(kit, 'receipts')).map((name) => fs.readFileSync(path.join(kit, 'receipts', name), 'utf8'));
  if (receipts.length === 0) process.exit(2);
  try {
    verifyCheckpoint({ inclusionProof: { checkpoint: { envelope: head } } }, logs);
    receipts.forEach((text) => verifyTLogInclusion(entry(text), logs));
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(2);
});
