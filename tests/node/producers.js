// PDFs by two libraries of npm, one file for each line of the plan: node producers.js FOLDER
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { PDFDocument, StandardFonts, degrees } = require("pdf-lib");
const PDFKit = require("pdfkit");

const folder = process.argv[2];
const WORDS = "The court gives notice of the hearing to all parties. ";
const SIZES = [[595, 842], [612, 792], [842, 595], [420, 298], [1191, 842], [200, 200]];

async function pdfLib(name, { size = 0, pages = 1, turn = 0, crop = false, form = false, streams = true, empty = false }) {
  const document = await PDFDocument.create();
  const font = await document.embedFont(StandardFonts.TimesRoman);
  for (let number = 0; number < pages; number += 1) {
    const page = document.addPage(SIZES[size]);
    if (!empty) page.drawText(WORDS.repeat(3), { x: 30, y: SIZES[size][1] - 60, size: 9, font, maxWidth: SIZES[size][0] - 60, lineHeight: 12 });
    if (turn) page.setRotation(degrees(turn));
    if (crop) page.setCropBox(20, 30, SIZES[size][0] - 60, SIZES[size][1] - 80);
  }
  if (form) {
    const field = document.getForm().createTextField("party.name");
    field.setText("Li");
    field.addToPage(document.getPage(0), { x: 50, y: 120, width: 90, height: 18 });
    document.getForm().createCheckBox("agreed").addToPage(document.getPage(0), { x: 50, y: 90, width: 12, height: 12 });
  }
  fs.writeFileSync(path.join(folder, `${name}.pdf`), await document.save({ useObjectStreams: streams }));
}

function pdfKit(name, { size = 0, pages = 1, version = "1.3", tagged = false, compress = true, link = false, form = false, picture = false }) {
  const document = new PDFKit({ size: SIZES[size], margin: 30, pdfVersion: version, tagged, compress, lang: "en", displayTitle: true });
  const written = fs.createWriteStream(path.join(folder, `${name}.pdf`));
  document.pipe(written);
  for (let number = 0; number < pages; number += 1) {
    if (number) document.addPage();
    if (tagged) document.addStructure(document.struct("P", () => document.fontSize(9).text(WORDS)));
    else document.fontSize(9).text(WORDS.repeat(2));
    if (link) document.text("the court", { link: "https://court.example/", underline: true }).note(30, 90, 30, 30, "seen");
    if (picture) document.rect(40, 80, 90, 60).fill("#224488");
  }
  if (form) {
    document.font("Helvetica").initForm();
    document.formText("party", 40, 90, 90, 18, { value: "Li" });
  }
  document.end();
  return new Promise((resolve) => written.on("finish", resolve));
}

async function main() {
  const lib = [{}, { streams: false }, { size: 1 }, { size: 2 }, { size: 3, streams: false }, { size: 4 }, { size: 5 },
    { pages: 40 }, { pages: 3, streams: false }, { turn: 90 }, { turn: 180, streams: false }, { turn: 270 },
    { crop: true }, { crop: true, turn: 90, streams: false }, { form: true }, { form: true, streams: false }, { empty: true }, { empty: true, streams: false }];
  for (const [number, plan] of lib.entries()) await pdfLib(`pdf-lib-${number}`, plan);
  const kit = [{}, { version: "1.4" }, { version: "1.5" }, { version: "1.6" }, { version: "1.7" }, { version: "1.7ext3" }, { size: 1 }, { size: 2 }, { size: 3 },
    { size: 4 }, { size: 5 }, { pages: 30 }, { tagged: true, version: "1.7" }, { tagged: true, version: "1.5", pages: 3 },
    { compress: false }, { link: true }, { form: true }, { picture: true }];
  for (const [number, plan] of kit.entries()) await pdfKit(`pdfkit-${number}`, plan);
}

main();
