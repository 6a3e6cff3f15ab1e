#include "pipelines/model/job_state.hpp"

namespace sluice::model {

std::optional<JobState> next_state(JobState from, JobEvent event) {
    using S = JobState;
    using E = JobEvent;
    switch (from) {
        case S::waiting:
            switch (event) {
                case E::needs_met: return S::ready;
                case E::hold: return S::held;
                case E::deselect: return S::not_selected;
                case E::block: return S::blocked;
                case E::cancel: return S::cancelled;
                case E::error: return S::errored;
                case E::fail:
                    return S::failed;  // an evaluation error in a late expression (A6 step 6)
                case E::approve:
                case E::start:
                case E::requeue:
                case E::pass:
                case E::warn: return std::nullopt;
            }
            break;
        case S::held:
            switch (event) {
                case E::approve: return S::ready;
                case E::cancel: return S::cancelled;
                case E::error: return S::errored;
                case E::needs_met:
                case E::hold:
                case E::deselect:
                case E::block:
                case E::start:
                case E::requeue:
                case E::pass:
                case E::warn:
                case E::fail: return std::nullopt;
            }
            break;
        case S::ready:
            switch (event) {
                case E::start: return S::running;
                case E::cancel: return S::cancelled;
                case E::error: return S::errored;
                case E::needs_met:
                case E::hold:
                case E::approve:
                case E::deselect:
                case E::block:
                case E::requeue:
                case E::pass:
                case E::warn:
                case E::fail: return std::nullopt;
            }
            break;
        case S::running:
            switch (event) {
                case E::requeue: return S::ready;
                case E::pass: return S::passed;
                case E::warn: return S::warned;
                case E::fail: return S::failed;
                case E::error: return S::errored;
                case E::cancel: return S::cancelled;
                case E::needs_met:
                case E::hold:
                case E::approve:
                case E::deselect:
                case E::block:
                case E::start: return std::nullopt;
            }
            break;
        case S::passed:
        case S::warned:
        case S::failed:
        case S::errored:
        case S::cancelled:
        case S::not_selected:
        case S::blocked: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace sluice::model
