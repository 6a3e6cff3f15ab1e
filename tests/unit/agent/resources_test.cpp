// What a machine tells about itself: GPUs, control groups of both versions.
#include "agent/executors/container/engine.hpp"
#include "agent/executors/container/services.hpp"
#include "agent/resources/cgroup.hpp"
#include "agent/resources/inventory.hpp"
#include "tests/unit/agent/fake_server.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::agent;

TEST_CASE("GPUs are read with their uuids, and sick ones are left out", "[resources]") {
    const auto gpus = parse_gpus(
        "GPU-1, NVIDIA T4, 15360, 0\n"
        "GPU-2, NVIDIA A100-SXM4-40GB, 40960, [N/A]\n"
        "GPU-3, NVIDIA T4, 15360, 2\n"
        "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error\n"
        "GPU-4, NVIDIA T4, [GPU is lost], 0\n");
    REQUIRE(gpus.size() == 2);
    CHECK(gpus[0] == model::Gpu{"GPU-1", "NVIDIA T4", 15360LL << 20});
    CHECK(gpus[1].uuid == "GPU-2");
    CHECK(parse_gpus("").empty());
}

TEST_CASE("groups of both versions of cgroups are found and read", "[resources]") {
    test::TemporaryFolder root;
    const auto put = [&](const files::Path& path, const std::string& text) {
        REQUIRE(files::make_dirs((root.path / path).parent_path()).has_value());
        REQUIRE(files::write_atomic(root.path / path, text, 0644, false).has_value());
    };
    const std::string base = root.path.string();
    SECTION("version 2") {
        put("u/ci/job/memory.events", "low 0\noom 1\noom_kill 2\n");
        put("u/ci/job/memory.stat", "anon 4096\nfile 8192\n");
        put("u/ci/job/memory.peak", "9999\n");
        put("u/ci/job/memory.max", "max\n");
        put("u/ci/job/cpu.stat", "usage_usec 2500000\nuser_usec 1\n");
        const auto mounts = cgroup_mounts("30 23 0:26 / " + base +
                                          "/u rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
        const Cgroup group = cgroup_from("0::/ci/job\n", mounts);
        CHECK(group.v2);
        CHECK(group.oom_kills() == 2u);
        CHECK(group.resident() == 4096);
        CHECK(group.peak() == 9999);
        CHECK(group.cpu_time() == Duration{2500});
        CHECK_FALSE(group.memory_limit().has_value());
    }
    SECTION("version 1, on a hybrid mount") {
        put("m/ci/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        put("m/ci/job/memory.stat", "rss 1\ntotal_rss 2048\n");
        put("m/ci/job/memory.limit_in_bytes", "67108864\n");
        put("c/x/cpuacct.usage", "3000000000\n");
        const auto mounts =
            cgroup_mounts("1 0 0:1 / " + base + "/u rw - cgroup2 cgroup2 rw\n2 0 0:2 / " + base +
                          "/m rw - cgroup cgroup rw,memory\n3 0 0:3 / " + base +
                          "/c rw - cgroup cgroup rw,cpu,cpuacct\n");
        const Cgroup group = cgroup_from("4:memory:/ci/job\n2:cpu,cpuacct:/x\n0::/\n", mounts);
        CHECK_FALSE(group.v2);
        CHECK(group.oom_kills() == 1u);
        CHECK(group.resident() == 2048);
        CHECK(group.memory_limit() == 67108864);
        CHECK(group.cpu_time() == Duration{3000});
    }
    CHECK_FALSE(Cgroup{}.oom_kills().has_value());
}

TEST_CASE("a container is started with the options that are spelled out, and no others",
          "[container]") {
    ContainerSettings settings;
    settings.engine = "podman";
    Result<Engine> engine = Engine::find(settings);
    if (!engine) return;  // the machine has no podman: nothing to say about its words
    ContainerSpec spec;
    spec.name = "n";
    spec.attempt = "n";
    spec.image = "--privileged";
    spec.network = "net";
    spec.user = "0 --privileged";
    spec.arguments = {"--volume=/:/host"};
    spec.env = {{"LD_PRELOAD", "/evil.so"}, {"*", ""}};
    spec.memory = 64 << 20;
    spec.cpu_millis = 1500;
    const spawn::Command command = engine->run(spec);
    const auto& words = command.argv;
    const auto at = [&](const std::string& word) {
        return std::find(words.begin(), words.end(), word) - words.begin();
    };
    const auto end = static_cast<std::ptrdiff_t>(words.size());
    for (const char* word : {"--cap-drop=all", "--security-opt=no-new-privileges",
                             "--pids-limit=4096", "--memory=67108864", "--cpus=1.500"})
        CHECK(at(word) < at("--"));
    // What the job says stands behind `--`, or inside one word.
    CHECK(at("--privileged") == at("--") + 1);
    CHECK(at("--volume=/:/host") == at("--") + 2);
    CHECK(at("--user=0 --privileged") < end);
    // A variable of the job's is none of the engine's, which it would obey.
    CHECK(at("LD_PRELOAD=/evil.so") < at("--"));
    CHECK(at("*=") < at("--"));
    CHECK_FALSE(command.env.contains("LD_PRELOAD"));
}

TEST_CASE("services say how they get ready", "[container]") {
    model::JobSpec spec;
    spec.settings["services"] =
        json::parse(R"({"db": {"image": "postgres:15", "env": {"N": 5, "P": "x"},
                        "cmd": ["postgres", "-c"], "ready": {"tcp": 5432, "timeout": 5000}},
                        "web": {"image": "w", "cmd": "serve", "ready": {"http": ":8080/health"}}})")
            .value();
    const auto services = services_of(spec).value();
    REQUIRE(services.size() == 2);
    CHECK(services[0].tcp == 5432);
    CHECK(services[0].timeout == Duration{5000});
    CHECK(services[0].env.at("N") == "5");
    CHECK(services[0].command == std::vector<std::string>{"postgres", "-c"});
    CHECK(services[1].http_port == 8080);
    CHECK(services[1].http_path == "/health");
    CHECK(services[1].command == std::vector<std::string>{"/bin/sh", "-c", "serve"});
    spec.settings["services"].as_object()["web"].as_object()["ready"] =
        json::parse(R"({"http": "host:no/"})").value();
    CHECK_FALSE(services_of(spec).has_value());
}
