// cachemodel: what many threads get out of one memcached server that all of them read from.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <libmemcached/memcached.h>

#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "comparison.hpp"
#include "support/memcached_server.hpp"

namespace {

using namespace std::chrono_literals;
using cachemodel::support::RealMemcached;
using cachemodel::support::Transport;
using std::chrono::steady_clock;

struct Person {
    cachemodel::Key<std::int64_t> id;
    cachemodel::Field<std::string> name;
    cachemodel::Field<std::string> email;
    cachemodel::Field<std::string> remark;
    cachemodel::Field<std::int64_t> balance;
    cachemodel::Field<double> latitude;
    cachemodel::Field<std::vector<std::string>> groups;
};

constexpr std::int64_t people = 1000;

Person person(std::int64_t id) {
    const auto number = std::to_string(id);
    return {.id = id,
            .name = "Augusta Ada King, Countess of Lovelace " + number,
            .email = "countess" + number + "@analytical.example",
            .remark = "The engine weaves algebraical patterns, note " + number,
            .balance = id * 1'000'003,
            .latitude = 51.5 + static_cast<double>(id) / 1000,
            .groups = {"readers", "writers", "engineers", "number " + number}};
}

/// One thread's way of reading a person. Whether it was the right one.
using Reader = std::function<bool(std::int64_t id)>;

struct Candidate {
    std::string name;
    std::function<Reader()> make_reader;
};

Candidate libmemcached(const RealMemcached& server, const cachemodel::Models<Person>& models) {
    // The keys and sizes are made before: only the client is measured.
    auto keys = std::make_shared<std::vector<std::string>>();
    for (std::int64_t id = 0; id < people; ++id) {
        keys->push_back(models.cache().final_key(models.key_for(id)));
    }
    return {
        "libmemcached, a handle for each thread", [&server, keys]() -> Reader {
            const std::shared_ptr<memcached_st> client{memcached_create(nullptr), memcached_free};
            memcached_behavior_set(client.get(), MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
            memcached_server_add(client.get(), "127.0.0.1", server.address().port);
            return [client, keys](std::int64_t id) {
                const auto& key = (*keys)[static_cast<std::size_t>(id)];
                std::size_t size = 0;
                std::uint32_t flags = 0;
                memcached_return_t result{};
                const std::unique_ptr<char, decltype(&::free)> value{
                    memcached_get(client.get(), key.data(), key.size(), &size, &flags, &result),
                    &::free};
                return result == MEMCACHED_SUCCESS && size > 100;
            };
        }};
}

Candidate cachemodel_get(const cachemodel::Models<Person>& models) {
    return {"cachemodel, one Models", [&models]() -> Reader {
                return [&models](std::int64_t id) {
                    const auto found = models.get(id);
                    return found.id == id && found.balance == id * 1'000'003;
                };
            }};
}

constexpr auto round_time = 200ms;

/// How one round of one candidate went.
struct Round {
    double calls_per_second;
    double median;  ///< microseconds for a call
    double most;    ///< of 99 in 100 calls
};

class Calls {
 public:
    /// `threads` of them read people at random for `time`, or each of them a few.
    Calls(const Candidate& candidate, std::size_t threads,
          std::optional<steady_clock::duration> time)
        : times_(threads) {
        std::vector<std::thread> running;
        for (std::size_t i = 0; i < threads; ++i) {
            running.emplace_back([&, i] { work(candidate.make_reader(), i, !time); });
        }
        while (ready_ != threads) std::this_thread::sleep_for(1ms);
        const auto begin = steady_clock::now();
        is_begun_ = true;
        if (time) std::this_thread::sleep_for(*time);
        is_ending_ = true;
        for (auto& thread : running) thread.join();
        lasted_ = steady_clock::now() - begin;
        if (wrong_ != 0) throw std::runtime_error(candidate.name + " gave something wrong");
    }

    Round round() const {
        std::vector<std::uint32_t> all;
        for (const auto& some : times_) all.insert(all.end(), some.begin(), some.end());
        std::sort(all.begin(), all.end());
        const auto at = [&](std::size_t percent) {
            return all.empty() ? 0.0 : all[(all.size() - 1) * percent / 100] / 1000.0;
        };
        return {static_cast<double>(all.size()) / std::chrono::duration<double>(lasted_).count(),
                at(50), at(99)};
    }

 private:
    void work(const Reader& read, std::size_t thread, bool is_once) {
        std::minstd_rand random{static_cast<unsigned>(thread) + 1};
        std::uniform_int_distribution<std::int64_t> ids{0, people - 1};
        auto& times = times_[thread];
        times.reserve(100'000);
        wrong_ += reads_right(read, ids(random)) ? 0 : 1;  // connects
        ++ready_;
        while (!is_begun_) std::this_thread::sleep_for(1ms);
        for (int i = 0; is_once ? i < 50 : !is_ending_; ++i) {
            const auto id = ids(random);
            const auto begin = steady_clock::now();
            const bool is_right = reads_right(read, id);
            times.push_back(static_cast<std::uint32_t>((steady_clock::now() - begin).count()));
            wrong_ += is_right ? 0 : 1;
        }
    }

    static bool reads_right(const Reader& read, std::int64_t id) {
        try {
            return read(id);
        } catch (const std::exception&) {  // a deadline, for instance
            return false;
        }
    }

    std::vector<std::vector<std::uint32_t>> times_;  ///< nanoseconds, of each thread
    std::atomic<std::size_t> ready_{0};
    std::atomic<bool> is_begun_{false};
    std::atomic<bool> is_ending_{false};
    std::atomic<int> wrong_{0};
    steady_clock::duration lasted_{};
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

double median_of(const std::vector<Round>& rounds, double Round::*member) {
    std::vector<double> values;
    for (const auto& round : rounds) values.push_back(round.*member);
    return median(std::move(values));
}

/// What one more than the first candidate is to reach at so many threads.
struct Target {
    std::size_t threads;
    double calls;       ///< at least so many times the first one's calls
    double most = 0.0;  ///< at most so many times what 99 in 100 of its calls take; 0 is no target
};
constexpr Target targets[] = {{1, 0.9}, {4, 0.9}, {8, 0.9}, {32, 2}, {64, 3, 0.5}};

/// The figures of all numbers of threads.
struct Tables {
    explicit Tables(const std::vector<std::string>& names)
        : calls{"get by many threads: thousand calls in a second", names},
          median{"get by many threads: median of a call, us", names},
          most{"get by many threads: 99 in 100 calls, us at most", names} {
        calls.plotted_over("threads", "thousand/s");
        median.plotted_over("threads", "us");
        most.plotted_over("threads", "us");
    }

    cachemodel::bench::Table calls;
    cachemodel::bench::Table median;
    cachemodel::bench::Table most;
};

void measure(const std::vector<Candidate>& candidates, std::size_t threads, std::size_t rounds,
             Tables& tables) {
    std::vector<std::vector<Round>> results(candidates.size());
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            const auto which = (i + round) % candidates.size();
            results[which].push_back(Calls{candidates[which], threads, round_time}.round());
        }
    }
    const auto row = [&](double Round::*member, double unit) {
        std::vector<double> figures;
        for (const auto& of : results) figures.push_back(median_of(of, member) / unit);
        return figures;
    };
    // Compared with the first candidate, round by round.
    const auto ratio = [&](std::size_t of, double Round::*member) {
        std::vector<double> ratios;
        for (std::size_t i = 0; i < rounds; ++i) {
            ratios.push_back(results[of][i].*member / results[0][i].*member);
        }
        return median(std::move(ratios));
    };
    const auto number = std::to_string(threads);
    tables.calls.add(number, row(&Round::calls_per_second, 1000));
    tables.median.add(number, row(&Round::median, 1));
    tables.most.add(number, row(&Round::most, 1));
    for (const auto& [at, calls, most] : targets) {
        if (at != threads) continue;
        for (std::size_t i = 1; i < candidates.size(); ++i) {
            const auto who = candidates[i].name + ", threads: " + number;
            tables.calls.at_least(who, calls, ratio(i, &Round::calls_per_second),
                                  "x the calls of " + candidates[0].name);
            if (most == 0.0) continue;
            tables.most.at_most(who, most, ratio(i, &Round::most),
                                "x the time of " + candidates[0].name);
        }
    }
}

/// Several cores, whatever the program was started on: threads are the subject.
void use_all_cores() noexcept {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    for (int i = 0; i < CPU_SETSIZE; ++i) CPU_SET(i, &cores);
    static_cast<void>(::sched_setaffinity(0, sizeof cores, &cores));
}

int run(int count, char** arguments) {
    bool shows_growth = false;
    std::vector<const char*> common;
    for (int i = 0; i < count; ++i) {
        if (i > 0 && std::string_view{arguments[i]} == "--growth") {
            shows_growth = true;
        } else {
            common.push_back(arguments[i]);
        }
    }
    auto settings =
        cachemodel::bench::Settings::from_arguments(static_cast<int>(common.size()), common.data());
    // They are longer here.
    settings.rounds = std::max<std::size_t>(settings.rounds / 9, 7);
    settings.least_time = round_time;
    cachemodel::bench::print_circumstances(settings);

    use_all_cores();
    const RealMemcached server{Transport::tcp};
    const cachemodel::Models<Person> models{
        cachemodel::Cache::open(server.url() + "?deadline=10s")};
    for (std::int64_t id = 0; id < people; ++id) models.save(person(id));
    const std::vector<Candidate> candidates{libmemcached(server, models), cachemodel_get(models)};

    if (settings.once) {
        for (const auto& candidate : candidates) Calls{candidate, 8, std::nullopt};
        std::printf("get by threads: %zu candidates give what they should\n", candidates.size());
        return 0;
    }
    std::vector<std::string> names;
    for (const auto& candidate : candidates) names.push_back(candidate.name);
    Tables tables{names};
    const auto numbers = shows_growth ? std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64, 128}
                                      : std::vector<std::size_t>{1, 4, 8, 32, 64};
    for (const auto threads : numbers) measure(candidates, threads, settings.rounds, tables);
    print(tables.calls, settings);
    print(tables.median, settings);
    print(tables.most, settings);
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        return run(count, arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
