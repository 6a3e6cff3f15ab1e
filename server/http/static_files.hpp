#pragma once
/// Serves the web UI from a table that the build embedded into the program.

#include "server/http/message.hpp"

namespace sluice::http {

/// One file of the UI. All views live as long as the program.
struct Asset {
    std::string_view path;  ///< `/index.html`, `/assets/app-3f2a91bc.js`
    std::string_view content_type;
    std::string_view bytes;
    bool gzip = false;      ///< `bytes` are gzip'd; sent so, all browsers take it
    std::string_view etag;  ///< with its quotes; "" = none
};

/// A handler for Router::set_fallback() over `assets`. `/` and any unknown path without a dot that
/// a browser opens (Accept holds text/html) get `/index.html`: the UI routes by itself. Files under
/// `/assets/` carry a hash in their name and are cached for ever; the rest is revalidated by ETag.
/// HTML gets the policy of add_html_policy().
/// `/api/`, `/agent/` and `/hooks/` never fall back. Any thread.
Handler static_files(std::span<const Asset> assets);

/// Content-Security-Policy of S27 and what goes with it: no inline script, no foreign origin, no
/// framing.
void add_html_policy(Reply& reply);

}  // namespace sluice::http
