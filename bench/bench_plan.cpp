// bench_plan plan FILE: plans FILE for a push and prints `seconds seconds-as-JSON peak-RSS-in-KiB
// jobs`. bench_plan validate FILE COUNT: checks FILE as `sluice validate` does, for each kind of
// event, and prints `milliseconds milliseconds-of-the-YAML-alone` COUNT times.
#include "bench/peak_rss.hpp"
#include "pipelines/config/document.hpp"
#include "pipelines/plan/plan.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace sluice;

namespace {

template <class Work>
double seconds_of(const Work& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

plan::Input input_of(const std::string& text, model::EventKind kind) {
    plan::Input input;
    input.event.kind = kind;
    input.event.sha = std::string(40, 'a');
    input.event.branch = "main";
    if (kind == model::EventKind::tag) input.event.tag = "v1";
    if (kind == model::EventKind::pull_request) {
        input.event.pull_request.emplace();
        input.event.pull_request->target_branch = "main";
    }
    input.files = {{".ci.yml", text}};
    return input;
}

int plan_once(const std::string& text) {
    plan::Outcome outcome;
    const double took =
        seconds_of([&] { outcome = plan::make_plan(input_of(text, model::EventKind::push)); });
    if (!outcome.plan) {
        for (const auto& diagnostic : outcome.diagnostics)
            std::fprintf(stderr, "%s\n", config::format(diagnostic).c_str());
        return 1;
    }
    const long peak = peak_rss_kib();  // before the floor takes memory of its own
    std::size_t bytes = 0;
    const double as_json =
        seconds_of([&] { bytes = json::serialize(plan::to_json(*outcome.plan)).size(); });
    if (bytes == 0) return 1;
    std::printf("%.4f %.4f %ld %zu\n", took, as_json, peak, outcome.plan->jobs.size());
    return 0;
}

int validate(const std::string& text, int count) {
    using model::EventKind;
    for (int i = 0; i < count; ++i) {
        bool valid = true;
        const double took = seconds_of([&] {
            plan::EventPlans plans(input_of(text, EventKind::push));
            for (const EventKind kind :
                 {EventKind::push, EventKind::tag, EventKind::pull_request, EventKind::merge_queue,
                  EventKind::schedule, EventKind::manual})
                valid = valid &&
                        !config::has_errors(plans.plan(input_of(text, kind).event).diagnostics);
        });
        const double floor = seconds_of([&] {
            config::Diagnostics diagnostics;
            valid =
                valid && config::parse_document(diagnostics.add_file(".ci.yml", text), diagnostics);
        });
        if (!valid) return std::fputs("the file has errors\n", stderr), 1;
        std::printf("%.4f %.4f\n", took * 1e3, floor * 1e3);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    std::ifstream in(argv[2], std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (std::strcmp(argv[1], "plan") == 0) return plan_once(text.str());
    return validate(text.str(), argc > 3 ? std::atoi(argv[3]) : 1);
}
