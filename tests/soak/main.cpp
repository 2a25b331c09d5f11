// cachemodel: the soak: processes that use one memcached in every way while it is killed, restarted
// and stopped at random, and an oracle that checks each answer.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <list>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "soak/worker.hpp"
#include "support/forked.hpp"
#include "support/memcached_server.hpp"

using namespace cachemodel;
using namespace cachemodel::soak;

namespace {

constexpr std::string_view usage =
    "usage: cachemodel_soak [--seconds N] [--seed N] [--processes N] [--threads N]\n";

constexpr std::size_t most_processes = 16;
/// Each has some keys of its own.
constexpr std::uint32_t most_threads = keys_of_each;

struct Options {
    std::uint32_t seconds = 600;
    std::uint32_t seed = std::random_device{}();
    std::uint32_t processes = 2;
    std::uint32_t threads = 8;
};

bool take(std::string_view name, std::string_view value, Options& options) {
    const std::array<std::pair<std::string_view, std::uint32_t*>, 4> known{{
        {"--seconds", &options.seconds},
        {"--seed", &options.seed},
        {"--processes", &options.processes},
        {"--threads", &options.threads},
    }};
    for (const auto& [each, number] : known) {
        if (each != name) continue;
        const auto* const end = value.data() + value.size();
        const auto [stopped, error] = std::from_chars(value.data(), end, *number);
        return error == std::errc{} && stopped == end;
    }
    return false;
}

/// What a process takes of the machine's memory, in bytes.
struct Memory {
    std::atomic<long> warm{0};
    std::atomic<long> at_end{0};

    /// A heap breathes; what leaks does so all the time.
    bool is_flat() const { return at_end <= warm + warm / 5 + (4 << 20); }
};

struct Everything : World {
    std::array<Memory, most_processes> memory;
};

/// Without what it shares with others, as the oracle's.
long resident() {
    long pages = 0;
    long resident_pages = 0;
    long shared_pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages >> resident_pages >> shared_pages;
    return (resident_pages - shared_pages) * ::sysconf(_SC_PAGESIZE);
}

/// One process that uses the cache, until the end.
bool use_cache(Everything& all, const std::string& url, const Options& options,
               std::uint32_t process) {
    source_of_quotes = &all.source;
    const auto all_threads = options.processes * options.threads;
    const Cache cache = Cache::open(url);
    const auto warm_at = now() + std::chrono::seconds{options.seconds} / 3;
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < options.threads; ++i) {
        const Share of_process{process, options.processes};
        const Share of_thread{process * options.threads + i, all_threads};
        const auto seed = options.seed + of_thread.number;
        threads.emplace_back([&all, &cache, seed, of_process, of_thread] {
            Worker{all, cache, seed, of_process, of_thread}.work();
        });
    }
    auto& memory = all.memory[process];
    while (!all.is_ending) {
        std::this_thread::sleep_for(20ms);
        if (memory.warm == 0 && now() >= warm_at) memory.warm = resident();
    }
    for (auto& thread : threads) thread.join();
    memory.at_end = resident();
    return true;
}

/// Kills the server and starts another one, or stops it and lets it go on, until `end`.
void disturb(support::RealMemcached& server, Outages& outages, std::uint32_t seed, Time end) {
    std::mt19937 random{seed};
    const auto pause = [&](std::uint32_t least, std::uint32_t most) {
        std::this_thread::sleep_for(std::chrono::milliseconds{least + random() % (most - least)});
    };
    for (pause(500, 1500); now() < end; pause(200, 2500)) {
        if (random() % 2 == 0) {
            outages.stop_begins();
            server.hang();
            pause(10, 1500);
            server.go_on();
        } else {
            outages.kill_begins();
            server.kill();
            outages.is_dead();
            if (random() % 3 == 0) pause(10, 1500);
            server.start();
        }
        outages.ends();
    }
}

/// Whether all went well.
bool soak_for(const Options& options) {
    const Shared<Everything> all;
    support::RealMemcached server{support::Transport::unix_socket, {"-m", "256"}};
    std::printf("seed %u: %u processes of %u threads, for %u s\n", options.seed, options.processes,
                options.threads, options.seconds);
    std::fflush(stdout);
    const auto end = now() + std::chrono::seconds{options.seconds};
    std::list<support::Forked> processes;
    for (std::uint32_t i = 0; i < options.processes; ++i) {
        processes.emplace_back([&, i] { return use_cache(*all, server.url(), options, i); });
    }
    disturb(server, all->outages, options.seed, end);
    all->is_ending = true;

    bool is_well = true;
    std::uint32_t number = 0;
    std::string processes_text;
    for (auto& process : processes) {
        const bool ended_well = process.succeeded();
        const auto& memory = all->memory[number++];
        const bool is_flat = memory.is_flat();
        is_well = is_well && ended_well && is_flat;
        processes_text += "process " + std::to_string(number) +
                          (ended_well ? ": ended well" : ": DIED") + ", memory " +
                          std::to_string(memory.warm / 1024) + " kB when warm, " +
                          std::to_string(memory.at_end / 1024) + " kB at the end" +
                          (is_flat ? "\n" : ": IT GREW\n");
    }
    const auto wrong = all->tally.wrong_answers();
    std::printf("memcached was killed %d times and stopped %d times\n\n%s\n%s%llu wrong answers\n",
                all->outages.kills(), all->outages.stops(), all->tally.report().c_str(),
                processes_text.c_str(), static_cast<unsigned long long>(wrong));
    for (const auto name : all->tally.without_finds()) {
        is_well = false;
        std::printf("%s FOUND NOTHING\n", name.data());
    }
    return is_well && wrong == 0;
}

}  // namespace

int main(int count, char** values) {
    Options options;
    for (int i = 1; i < count; i += 2) {
        if (i + 1 == count || !take(values[i], values[i + 1], options)) {
            std::fputs(usage.data(), stderr);
            return 2;
        }
    }
    if (options.processes == 0 || options.processes > most_processes || options.threads == 0 ||
        options.threads > most_threads / options.processes) {
        std::fputs(usage.data(), stderr);
        return 2;
    }
    try {
        return soak_for(options) ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "cachemodel_soak: %s\n", error.what());
        return 1;
    }
}
