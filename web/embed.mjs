// Turns the built pages into a C++ source: `node embed.mjs DIST OUT.cpp`. Each file is compressed next to
// OUT.cpp and taken in by the assembler's .incbin, which costs the compiler nothing.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { constants, gzipSync } from 'node:zlib';

const types = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.svg': 'image/svg+xml; charset=utf-8',
};

const [dist, out] = process.argv.slice(2).map((path) => resolve(path));
const folder = join(dirname(out), 'assets');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const files = (path) =>
    readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? files(join(path, entry.name)) : [join(path, entry.name)]);

// Sorted by bytes, as std::string_view compares.
const assets = files(dist)
    .map((file) => ({ file, path: '/' + relative(dist, file) }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
    .map(({ file, path }, index) => {
        const type = types[extname(file)];
        if (!type) throw new Error(`no content type is known for ${path}`);
        const plain = readFileSync(file);
        const packed = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
        const gzip = packed.length < plain.length;
        const stored = join(folder, `${index}.bin`);
        writeFileSync(stored, gzip ? packed : plain);
        const etag = createHash('sha256').update(plain).digest('hex').slice(0, 20);
        return { path, type, etag, gzip, stored, symbol: `sluice_web_asset_${index}`, length: (gzip ? packed : plain).length };
    });

const text = JSON.stringify;
const blob = ({ symbol, stored }) => `
asm(".section .rodata.sluice_web, \\"a\\", @progbits\\n"
    ".balign 16\\n"
    "${symbol}:\\n"
    ".incbin " ${text(text(stored))} "\\n"
    ".previous\\n");
extern "C" const unsigned char ${symbol}[] __attribute__((visibility("hidden")));
`;
const row = ({ path, type, etag, gzip, symbol, length }) =>
    `    {${text(path)}, ${text(type)}, ${text(`"${etag}"`)}, {${symbol}, ${length}}, ${gzip}},`;

writeFileSync(out, `// Made by web/embed.mjs.
#include "web/embedded.hpp"

#include <array>
${assets.map(blob).join('')}
namespace sluice::web {

namespace {

const std::array<Asset, ${assets.length}> k_assets{{
${assets.map(row).join('\n')}
}};

}  // namespace

std::span<const Asset> assets() { return k_assets; }

}  // namespace sluice::web
`);
console.log(`${assets.length} files, ${assets.reduce((sum, asset) => sum + asset.length, 0)} bytes`);
