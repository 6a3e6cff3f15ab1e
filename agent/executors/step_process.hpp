#pragma once
/// A running step as the runner sees it, whatever executor started it. Thread of the io_context.

#include "pipelines/base/time.hpp"
#include "platform/spawn.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace sluice::agent {

using Environment = std::map<std::string, std::string>;

/// The read end of a step's output; hands on what comes until the last writer is gone. Lives by
/// its pending read.
class OutputPipe : public std::enable_shared_from_this<OutputPipe> {
public:
    using Taken = std::function<void(std::string_view bytes)>;
    /// `taken` gets each piece, in order; `closed` once at the end.
    OutputPipe(boost::asio::io_context& io, files::Fd read_end, Taken taken,
               std::function<void()> closed);
    void read();
    bool closed() const { return closed_; }
    /// Stops reading; writers get SIGPIPE.
    void close();
    void forget_closed() { on_closed_ = nullptr; }

private:
    boost::asio::posix::stream_descriptor descriptor_;
    Taken taken_;
    std::function<void()> on_closed_;
    std::vector<char> buffer_;
    bool closed_ = false;
};

/// Both ends of a step's output, as large as the kernel allows.
struct OutputEnds {
    files::Fd read, write;
};
Result<OutputEnds> make_output_pipe();

/// Ends when the process has ended *and* its output is closed, or `k_drain` after the process.
class StepProcess {
public:
    static constexpr Duration k_drain{5'000};

    virtual ~StepProcess() = default;
    StepProcess() = default;
    StepProcess(const StepProcess&) = delete;
    StepProcess& operator=(const StepProcess&) = delete;

    /// SIGTERM to the step's group now, SIGKILL after `grace`; what outlives the shell in its
    /// session is killed with its end.
    virtual void terminate(Duration grace) = 0;
    /// The same with SIGHUP, as a terminal does that goes away.
    virtual void hang_up(Duration grace) = 0;
    /// SIGKILL to the group now.
    virtual void kill() = 0;
    virtual bool ended() const = 0;
    virtual const spawn::Exit& exit() const = 0;
    /// The runner's own child, which this object waits for; 0 = none.
    virtual pid_t pid() const = 0;
    /// A background process still holds the output while !output()->closed(); it is read on for as
    /// long as the pipe lives. None for a process on a terminal.
    virtual std::shared_ptr<OutputPipe> output() const = 0;
};

/// A program on a terminal of its own, and the end of that terminal which people sit at.
struct TerminalProcess {
    std::unique_ptr<StepProcess> process;
    files::Fd terminal;  ///< non-blocking
};

/// Both ends of a new terminal; `program` is what a process gets as 0, 1 and 2.
struct TerminalEnds {
    files::Fd person, program;
};
Result<TerminalEnds> make_terminal();

}  // namespace sluice::agent
