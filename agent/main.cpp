// sluice-agent: the daemon of a build machine, and the runner it starts for each job.

#include "agent/daemon/daemon.hpp"
#include "agent/daemon/zygote.hpp"
#include "agent/enrol.hpp"
#include "agent/log.hpp"
#include "agent/runner/local_job.hpp"
#include "agent/runner/run_job.hpp"
#include "agent/runner/source_checkout.hpp"
#include "agent/version.hpp"
#include "platform/crypto.hpp"
#include "platform/failpoint.hpp"
#include "platform/http_client.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <thread>

namespace {

using namespace sluice;

int enrol_command(const agent::EnrolOptions& options) {
    Result<agent::Config> config = agent::enrol(options);
    if (!config) {
        std::fprintf(stderr, "sluice-agent: not enrolled: %s\n", config.error().message.c_str());
        if (config.error().code == Code::unauthorized)
            std::fprintf(
                stderr,
                "An enrolment token can be used once and for a limited time; make a new one.\n");
        return 1;
    }
    std::string labels;
    for (const std::string& label : config->labels) labels += (labels.empty() ? "" : ", ") + label;
    std::printf(
        "Enrolled as agent %lld \"%s\" (labels: %s).\nStart it with: sluice-agent run --dir %s\n",
        static_cast<long long>(config->agent.value), config->name.c_str(), labels.c_str(),
        options.dir.c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (failpoint::is_refused()) {
        std::fputs("sluice-agent: SLUICE_FAILPOINT is for test builds, this is none\n", stderr);
        return 2;
    }
    // Before anything that costs: the zygote may load nothing else (rule 2).
    if (argc == 2 && std::string_view(argv[1]) == "zygote") return agent::run_zygote();

    CLI::App app{
        "Runs the jobs of a Sluice server on this machine.\n\n"
        "  1. On the server, make an enrolment token.\n"
        "  2. sluice-agent enrol --server https://ci.example.com --token TOKEN --dir "
        "/var/lib/sluice-agent\n"
        "  3. sluice-agent run --dir /var/lib/sluice-agent\n"};
    app.set_version_flag("--version", std::string("sluice-agent ") + agent::k_version);
    app.require_subcommand(1);

    agent::EnrolOptions enrol;
    CLI::App* enrol_app =
        app.add_subcommand("enrol", "Exchange a one-use token for this agent's identity");
    enrol_app
        ->add_option("--server", enrol.server, "Address of the server, e.g. https://ci.example.com")
        ->required();
    enrol_app->add_option("--token", enrol.token, "Enrolment token")
        ->required()
        ->envname("SLUICE_ENROL_TOKEN");
    enrol_app->add_option("--dir", enrol.dir, "The agent's folder: identity and running jobs")
        ->required();
    enrol_app->add_option("--name", enrol.name, "Name shown to people [this host's name]");
    enrol_app->add_option("--label", enrol.labels,
                          "Wanted label, `gpu` or `key=value`; may be repeated");
    enrol_app
        ->add_option("--ca", enrol.ca_file,
                     "PEM file of the one authority to trust for the server's certificate")
        ->check(CLI::ExistingFile);

    agent::DaemonOptions daemon;
    daemon.capacity = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    CLI::App* run_app =
        app.add_subcommand("run", "Run the daemon: claim jobs and start their runners");
    run_app->add_option("--dir", daemon.dir, "The agent's folder, as given to enrol")->required();
    run_app->add_option("--capacity", daemon.capacity, "Jobs at once")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    run_app->footer(
        "SIGTERM drains: running jobs end, no new ones are claimed. A second one leaves at once "
        "and the\n"
        "runners go on by themselves; the next daemon adopts them.");

    std::string job_dir;
    bool salvage = false;
    CLI::App* job_app =
        app.add_subcommand("run-job", "Carry the attempt in a folder (the daemon does this)");
    job_app->add_option("dir", job_dir, "The attempt's folder")->required();
    job_app->add_flag("--salvage", salvage,
                      "End what a dead runner left, report it, remove the folder");
    CLI11_PARSE(app, argc, argv);

    try {
        crypto::init();
        http_client::init_client();
        if (*enrol_app) return enrol_command(enrol);
        if (*run_app) {
            daemon.dir = std::filesystem::absolute(daemon.dir);
            return agent::run_daemon(daemon);
        }
        agent::init_git();
        agent::prepare_runner_process();
        files::Path dir = std::filesystem::absolute(job_dir);
        if (agent::is_local_job(dir))
            return static_cast<int>(salvage ? agent::salvage_local_job(dir)
                                            : agent::run_local_job(dir));
        return static_cast<int>(salvage ? agent::salvage_job(dir) : agent::run_job(dir));
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "sluice-agent: %s\n", failure.what());
        return 70;
    }
}
