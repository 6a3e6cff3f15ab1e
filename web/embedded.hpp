#pragma once
/// The files of the web UI, inside the program. Built with SLUICE_WEB=OFF there is one page that
/// says so.
///
/// Serving them: `GET path` → the asset of that path; any other GET outside /api, /agent, /hooks →
/// `/index.html` (the pages are made in the browser); paths under `/assets/` carry a hash of their
/// content in their name and may be cached for ever, the rest only with their etag. Every reply
/// needs the Content-Security-Policy of architecture §9.

#include <span>
#include <string_view>

namespace sluice::web {

struct Asset {
    std::string_view path;          ///< absolute: "/index.html", "/assets/index-Ab3d.js"
    std::string_view content_type;  ///< with charset
    std::string_view etag;          ///< with its quotes
    std::span<const unsigned char> bytes;
    bool gzip =
        false;  ///< bytes are compressed: send `Content-Encoding: gzip` (every browser takes it)
};

/// All assets, sorted by path; `/index.html` is always there. They live as long as the program. Any
/// thread.
std::span<const Asset> assets();

}  // namespace sluice::web
