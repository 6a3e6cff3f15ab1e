#include "platform/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstring>
#include <stdexcept>

namespace sluice::http_client {

namespace {

struct HeaderList {
    curl_slist* list = nullptr;
    HeaderList() = default;
    ~HeaderList() { curl_slist_free_all(list); }
    HeaderList(const HeaderList&) = delete;
    HeaderList& operator=(const HeaderList&) = delete;
    void add(const std::string& line) { list = curl_slist_append(list, line.c_str()); }
};

/// One exchange, as libcurl's callbacks see it.
struct Exchange {
    const Request& request;
    CURL* easy;
    Response response;
    std::string_view body_left;
    std::int64_t reader_left = 0;
    bool too_large = false;
    bool sink_refused = false;
    bool address_refused = false;

    bool streams() {
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return request.sink && status >= 200 && status < 300;
    }
};

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    std::string_view piece(bytes, size * count);
    if (exchange.streams()) {
        if (exchange.request.sink(piece)) return piece.size();
        exchange.sink_refused = true;
        return 0;
    }
    if (exchange.response.body.size() + piece.size() > exchange.request.response_max) {
        exchange.too_large = true;
        return 0;
    }
    exchange.response.body.append(piece);
    return piece.size();
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    std::string_view line(bytes, size * count);
    std::size_t colon = line.find(':');
    if (line.starts_with("HTTP/")) exchange.response.headers.clear();  // 1xx before the final one
    if (colon == std::string_view::npos || exchange.response.headers.size() >= 100)
        return line.size();
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front())))
        value.remove_prefix(1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back())))
        value.remove_suffix(1);
    exchange.response.headers[std::move(name)] = std::string(value);
    return line.size();
}

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    std::size_t room = size * count;
    if (exchange.request.body_reader) {
        room = std::min<std::size_t>(room, static_cast<std::size_t>(exchange.reader_left));
        if (room == 0) return 0;
        std::size_t n = exchange.request.body_reader(buffer, room);
        if (n == 0 || n > room) return CURL_READFUNC_ABORT;
        exchange.reader_left -= static_cast<std::int64_t>(n);
        return n;
    }
    std::size_t n = std::min(room, exchange.body_left.size());
    std::memcpy(buffer, exchange.body_left.data(), n);
    exchange.body_left.remove_prefix(n);
    return n;
}

/// A kept-alive connection may turn out dead on reuse; libcurl then sends again on a new one and
/// needs the body anew.
int on_seek(void* user, curl_off_t offset, int origin) {
    auto& exchange = *static_cast<Exchange*>(user);
    if (origin != SEEK_SET || exchange.request.body_reader) return CURL_SEEKFUNC_CANTSEEK;
    if (offset < 0 || static_cast<std::size_t>(offset) > exchange.request.body.size())
        return CURL_SEEKFUNC_FAIL;
    exchange.body_left = exchange.request.body.substr(static_cast<std::size_t>(offset));
    return CURL_SEEKFUNC_OK;
}

curl_socket_t on_open(void* user, curlsocktype, curl_sockaddr* to) {
    auto& exchange = *static_cast<Exchange*>(user);
    if (!exchange.request.may_connect(to->addr)) {
        exchange.address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

Error transfer_error(CURLcode code, const char* detail) {
    std::string message = detail && *detail ? detail : curl_easy_strerror(code);
    switch (static_cast<int>(code)) {
        case CURLE_OPERATION_TIMEDOUT: return error(Code::timeout, "timeout", std::move(message));
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL: return error(Code::invalid, "bad_url", std::move(message));
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR: return error(Code::unavailable, "tls", std::move(message));
        default: return error(Code::unavailable, "connect_failed", std::move(message));
    }
}

}  // namespace

void init_client() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        throw std::runtime_error("libcurl cannot start");
}

struct Client::Impl {
    ClientOptions options;
    /// Made by the first request: a short job's runner has three clients and uses one.
    CURL* easy = nullptr;
    std::atomic<CURLM*> multi{nullptr};
    std::atomic<bool> interrupted{false};
    char detail[CURL_ERROR_SIZE] = {};

    Impl(ClientOptions wanted) : options(std::move(wanted)) {}
    ~Impl() {
        curl_easy_cleanup(easy);
        curl_multi_cleanup(multi);
    }
    void open() {
        if (!easy) easy = curl_easy_init();
        // An interrupt() that does not see `multi` yet has set `interrupted`, which transfer()
        // looks at next.
        if (!multi) multi = curl_multi_init();
        if (!easy || !multi) throw std::runtime_error("libcurl cannot make a handle");
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    template <class Value>
    void set(CURLoption option, Value value) {
        curl_easy_setopt(easy, option, value);
    }
    void prepare(Exchange& exchange, HeaderList& headers);
    Result<CURLcode> transfer();
};

void Client::Impl::prepare(Exchange& exchange, HeaderList& headers) {
    const Request& request = exchange.request;
    curl_easy_reset(easy);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TCP_NODELAY, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_NOPROGRESS, 1L);
    set(CURLOPT_USERAGENT, options.user_agent.c_str());
    set(CURLOPT_ERRORBUFFER, detail);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    set(CURLOPT_BUFFERSIZE, 256L * 1024);
    set(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options.ca_file.empty()) {
        set(CURLOPT_CAINFO, options.ca_file.c_str());
        set(CURLOPT_CAPATH, nullptr);
    }
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &exchange);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &exchange);

    if (request.may_connect) {
        set(CURLOPT_OPENSOCKETFUNCTION, &on_open);
        set(CURLOPT_OPENSOCKETDATA, &exchange);
    }
    if (const SigV4* sign = request.sign) {
        // libcurl copies what it is given here.
        set(CURLOPT_AWS_SIGV4, ("aws:amz:" + sign->region + ":" + sign->service).c_str());
        set(CURLOPT_USERNAME, sign->key_id.c_str());
        set(CURLOPT_PASSWORD, sign->secret.c_str());
    }
    for (const std::string& line : request.headers) headers.add(line);
    // A header that is taken away would be signed all the same (libcurl 7.88), so a signed request
    // has none of those. 100-continue would cost a round trip, or a second with servers that
    // ignore it.
    if (!request.sign) headers.add("Expect:");
    bool small = !request.body_reader && request.body.size() <= 64 * 1024;
    if (request.method == "HEAD") {
        set(CURLOPT_NOBODY, 1L);
    } else if (request.method == "GET") {
        set(CURLOPT_HTTPGET, 1L);
    } else if (small) {
        // One write with the headers, and curl can repeat it by itself on a dead kept-alive
        // connection.
        set(CURLOPT_POST, 1L);
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
        set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
        headers.add(request.sign ? "Content-Type: application/octet-stream" : "Content-Type:");
    } else {
        std::int64_t size = request.body_reader ? request.body_size
                                                : static_cast<std::int64_t>(request.body.size());
        exchange.body_left = request.body;
        exchange.reader_left = request.body_size;
        set(CURLOPT_UPLOAD, 1L);
        set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
        set(CURLOPT_READFUNCTION, &on_read);
        set(CURLOPT_READDATA, &exchange);
        set(CURLOPT_SEEKFUNCTION, &on_seek);
        set(CURLOPT_SEEKDATA, &exchange);
        set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    set(CURLOPT_HTTPHEADER, headers.list);
}

Result<CURLcode> Client::Impl::transfer() {
    detail[0] = '\0';
    if (curl_multi_add_handle(multi, easy) != CURLM_OK)
        throw std::runtime_error("curl_multi_add_handle failed");
    int running = 1;
    CURLcode code = CURLE_OK;
    while (!interrupted) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            throw std::runtime_error("curl_multi_perform failed");
        if (running == 0) break;
        // Woken by interrupt() through curl_multi_wakeup.
        curl_multi_poll(multi, nullptr, 0, 60'000, nullptr);
    }
    bool stopped = interrupted && running != 0;
    int queued = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &queued))
        if (message->msg == CURLMSG_DONE) code = message->data.result;
    curl_multi_remove_handle(multi, easy);
    if (stopped) return error(Code::unavailable, "interrupted", "the request was interrupted");
    return code;
}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Result<Response> Client::send(const Request& request) {
    impl_->open();
    Exchange exchange{request, impl_->easy, {}, {}, 0, false, false, false};
    HeaderList headers;
    impl_->prepare(exchange, headers);
    SLUICE_TRY(CURLcode code, impl_->transfer());
    if (exchange.too_large)
        return error(Code::too_large, "too_large",
                     "the reply is over " + std::to_string(request.response_max) + " bytes",
                     request.url);
    if (exchange.sink_refused)
        return error(Code::unavailable, "interrupted", "the receiver ended the transfer");
    // With several addresses one of them may have been good.
    if (code != CURLE_OK && exchange.address_refused)
        return error(Code::forbidden, "address_denied", "the host has a private or local address",
                     request.url);
    if (code != CURLE_OK) return transfer_error(code, impl_->detail);
    long status = 0;
    curl_easy_getinfo(impl_->easy, CURLINFO_RESPONSE_CODE, &status);
    exchange.response.status = static_cast<int>(status);
    return std::move(exchange.response);
}

void Client::interrupt() {
    impl_->interrupted = true;
    if (CURLM* multi = impl_->multi) curl_multi_wakeup(multi);
}

void Client::resume() {
    impl_->interrupted = false;
}

std::string percent_encode(std::string_view text) {
    static constexpr char k_hex[] = "0123456789ABCDEF";
    std::string result;
    result.reserve(text.size());
    for (unsigned char c : text) {
        if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
            result += static_cast<char>(c);
            continue;
        }
        result += '%';
        result += k_hex[c >> 4];
        result += k_hex[c & 15];
    }
    return result;
}

}  // namespace sluice::http_client
