// An SMSC of another maker (npm smpp), played by a test: one JSON object a line, what happened out, what to do in.
// Out: listening, bind, submit, heard (an answer to deliver_sm), enquired, unbind, closed. In: see `deeds`.
'use strict';
const readline = require('node:readline');
const smpp = require('smpp');

let session = null, seen = 0, bindStatus = 0;
const asked = new Map();
const tell = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n');
const octets = (buffer) => buffer.toString('hex');

function submitted(pdu) {
  asked.set(++seen, pdu);
  const header = (pdu.short_message.udh || []).map((each) => (Buffer.isBuffer(each) ? octets(each) : each));
  tell('submit', {
    n: seen, to: pdu.destination_addr, from: pdu.source_addr, ton: pdu.dest_addr_ton, npi: pdu.dest_addr_npi,
    esm_class: pdu.esm_class, data_coding: pdu.data_coding, registered_delivery: pdu.registered_delivery,
    reference: pdu.user_message_reference, udh: header, text: pdu.short_message.message,
  });
}

function serve(connection) {
  connection.on('error', () => {}); // a reset by the other side is no reason to die
  connection.on('bind_transceiver', (pdu) => {
    tell('bind', { system_id: pdu.system_id, password: pdu.password, version: pdu.interface_version });
    if (!bindStatus) session = connection;
    connection.send(pdu.response({ system_id: 'node', command_status: bindStatus }));
  });
  connection.on('submit_sm', submitted);
  connection.on('enquire_link', (pdu) => { tell('enquired'); connection.send(pdu.response()); });
  connection.on('unbind', (pdu) => { tell('unbind'); connection.send(pdu.response()); connection.close(); });
  connection.on('close', () => tell('closed'));
}

const deeds = {
  answer: ({ n, status = 0, id = '' }) => session.send(asked.get(n).response({ command_status: status, message_id: id })),
  deliver: ({ n, fields }) => session.deliver_sm(fields, (pdu) => tell('heard', { n, status: pdu.command_status })),
  enquire: () => session.enquire_link({}, () => tell('alive')),
  drop: () => session.destroy(),
  refuse_binds: ({ status }) => { bindStatus = status; tell('done'); },
};

const server = smpp.createServer({}, serve);
server.listen(0, '127.0.0.1', () => tell('listening', { port: server.address().port }));
readline.createInterface({ input: process.stdin })
  .on('line', (line) => { const deed = JSON.parse(line); deeds[deed.do](deed); })
  .on('close', () => process.exit(0));
