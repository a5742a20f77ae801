// Nodemailer's smtp-server: a third party's reading of what we send. Prints its port, then one line of JSON for each message.
'use strict';
const { SMTPServer } = require('smtp-server');

const options = JSON.parse(process.argv[2] || '{}');
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  hideDSN: false,
  hideSMTPUTF8: false,
  ...options,
  onData(stream, session, done) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      const content = Buffer.concat(chunks).toString('base64');
      const { mailFrom, rcptTo, dsn } = session.envelope;
      console.log(JSON.stringify({ mailFrom, rcptTo, dsn, content }));
      done(null, 'taken');
    });
  },
});
server.listen(0, '127.0.0.1', () => console.log(server.server.address().port));
process.stdin.resume();
