#include "agent/executors/step_process.hpp"

#include <boost/asio/buffer.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

namespace sluice::agent {

namespace {
constexpr int k_pipe_bytes = 1 << 20;
constexpr std::size_t k_buffer_bytes = 256 << 10;
}  // namespace

OutputPipe::OutputPipe(boost::asio::io_context& io, files::Fd read_end, Taken taken,
                       std::function<void()> closed)
    : descriptor_(io, read_end.release()),
      taken_(std::move(taken)),
      on_closed_(std::move(closed)) {}

void OutputPipe::read() {
    // Most steps print little: the big buffer comes with the first full read.
    if (buffer_.empty()) buffer_.resize(16 << 10);
    descriptor_.async_read_some(
        boost::asio::buffer(buffer_),
        [self = shared_from_this()](boost::system::error_code failed, std::size_t n) {
            if (n > 0) self->taken_(std::string_view(self->buffer_.data(), n));
            if (failed) {
                self->closed_ = true;
                if (auto closed = std::move(self->on_closed_)) closed();
                return;
            }
            if (n == self->buffer_.size() && n < k_buffer_bytes)
                self->buffer_.resize(k_buffer_bytes);
            self->read();
        });
}

void OutputPipe::close() {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

Result<OutputEnds> make_output_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return files::errno_error(errno, "pipe");
    OutputEnds pipe{files::Fd(ends[0]), files::Fd(ends[1])};
    // A refused size (pipe-user-pages-soft) only makes the pipe smaller.
    ::fcntl(pipe.write.get(), F_SETPIPE_SZ, k_pipe_bytes);
    return pipe;
}

Result<TerminalEnds> make_terminal() {
    files::Fd person(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    char name[64];
    if (!person || ::unlockpt(person.get()) != 0 ||
        ::ptsname_r(person.get(), name, sizeof name) != 0)
        return files::errno_error(errno, "make a terminal");
    files::Fd program(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!program) return files::errno_error(errno, "open " + std::string(name));
    return TerminalEnds{std::move(person), std::move(program)};
}

}  // namespace sluice::agent
