#include "server/http/chunked.hpp"

#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/src.hpp>

#include <algorithm>

namespace sluice::http {
namespace beast = boost::beast;
using beast::error_code;

/// Beast's parser over a head of our own: the real one was checked by parse_head() and never comes
/// here.
struct ChunkedDecoder::Parser final : beast::http::basic_parser<true> {
    std::span<char> output;
    std::size_t produced = 0;
    std::uint64_t in_chunk = 0;  // bytes of the present chunk that are still to come

    Parser() {
        body_limit(boost::none);  // who reads sets the limit
        eager(false);
        constexpr std::string_view head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        error_code ec;
        put(boost::asio::buffer(head.data(), head.size()), ec);
        BOOST_VERIFY(!ec && is_header_done());
    }

    void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                         error_code&) override {}
    void on_response_impl(int, beast::string_view, int, error_code&) override {}
    // The trailers: named and valued correctly, or Beast would have refused; dropped all the same.
    void on_field_impl(beast::http::field, beast::string_view, beast::string_view,
                       error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(beast::string_view, error_code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code&) override {
        in_chunk = size;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
        auto taken = std::min(body.size(), output.size());
        std::copy_n(body.data(), taken, output.data());
        output = output.subspan(taken);
        produced += taken;
        in_chunk -= taken;
        return taken;
    }
    void on_finish_impl(error_code&) override {}
};

ChunkedDecoder::ChunkedDecoder() : parser_(std::make_unique<Parser>()) {}
ChunkedDecoder::~ChunkedDecoder() = default;

Result<ChunkedDecoder::Step> ChunkedDecoder::step(std::string_view input, std::span<char> output) {
    Step step;
    parser_->output = output;
    parser_->produced = 0;
    while (step.consumed < input.size()) {
        auto rest = input.substr(step.consumed);
        if (parser_->in_chunk == 0) {
            // Between chunks at least "0\r\n\r\n" is still to come. Beast 1.81 asserts that on
            // "0\r\n\r".
            if (rest.size() < 5) break;
        } else if (parser_->output.empty()) {
            break;
        }
        error_code ec;
        step.consumed += parser_->put(boost::asio::buffer(rest.data(), rest.size()), ec);
        if (parser_->is_done()) {
            step.done = true;
            break;
        }
        if (ec == beast::http::error::need_more) {
            if (rest.size() >= k_max_chunk_header)
                return error(Code::invalid, "bad_framing",
                             "a chunk header or the trailers are over 8 KiB");
            break;
        }
        if (ec)
            return error(Code::invalid, "bad_framing",
                         "the chunked body is malformed: " + ec.message());
    }
    step.produced = parser_->produced;
    return step;
}

}  // namespace sluice::http
