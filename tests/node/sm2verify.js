// Judges SM2 signatures: a line of JSON {message, key, signature} in hex comes in, "true" or "false" goes out.
const { sm2 } = require('sm-crypto')
const bytes = (hex) => Array.from(Buffer.from(hex, 'hex'))

console.log('ready')
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { message, key, signature } = JSON.parse(line)
  const how = { der: true, hash: true, userId: '1234567812345678' }
  let good = false
  try { good = sm2.doVerifySignature(bytes(message), signature, key, how) } catch (fault) { good = false }
  console.log(String(good))
})
