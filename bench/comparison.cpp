// cachemodel: candidates measured in turn, and compared by their medians.
// SPDX-License-Identifier: MIT
#include "comparison.hpp"

#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace cachemodel::bench {

namespace {

using std::chrono::nanoseconds;

nanoseconds time_of(const std::function<void(std::size_t)>& repeat, std::size_t times) {
    const auto begin = std::chrono::steady_clock::now();
    repeat(times);
    return std::chrono::steady_clock::now() - begin;
}

/// How many calls take at least `least_time`, also if one probe is interrupted; the caches of the
/// machine are warm afterwards.
std::size_t calls_that_take(nanoseconds least_time,
                            const std::function<void(std::size_t)>& repeat) {
    const auto fastest = [&](std::size_t times) {
        return std::min({time_of(repeat, times), time_of(repeat, times), time_of(repeat, times)});
    };
    std::size_t times = 1;
    while (fastest(times) < least_time) times *= 2;
    return times;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::size_t number_of_rounds(std::string_view number) {
    std::size_t rounds = 0;
    const auto end = number.data() + number.size();
    const auto read = std::from_chars(number.data(), end, rounds);
    if (read.ec != std::errc{} || read.ptr != end || rounds < 7) {
        throw std::invalid_argument("--rounds takes a number from 7 on");
    }
    return rounds;
}

/// Writes a line to the file, behind what is there or instead of it.
void write_line(const std::string& file, const std::string& line, const char* how) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out{std::fopen(file.c_str(), how),
                                                              std::fclose};
    if (!out || std::fputs((line + '\n').c_str(), out.get()) < 0 || std::fflush(out.get()) != 0) {
        throw std::runtime_error("cannot write " + file);
    }
}

std::string compiler() {
#if defined(__clang__)
    return std::string{"clang "} + __clang_version__;
#else
    return std::string{"g++ "} + __VERSION__;
#endif
}

}  // namespace

Settings Settings::from_arguments(int count, const char* const* arguments) {
    Settings settings;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--once") {
            settings.once = true;
        } else if (argument == "--rounds" && i + 1 < count) {
            settings.rounds = number_of_rounds(arguments[++i]);
        } else if (argument == "--json" && i + 1 < count) {
            settings.json = arguments[++i];
        } else {
            throw std::invalid_argument("usage: [--once] [--rounds NUMBER] [--json FILE]");
        }
    }
    return settings;
}

Comparison::Candidate& Comparison::Candidate::at_least(double speed, std::string other) {
    expectations_.push_back({.of_speed = true, .bound = speed, .other = std::move(other)});
    return *this;
}

Comparison::Candidate& Comparison::Candidate::at_most(double time, std::string other) {
    expectations_.push_back({.of_speed = false, .bound = time, .other = std::move(other)});
    return *this;
}

Comparison::Candidate& Comparison::Candidate::at_most(nanoseconds time) {
    expectations_.push_back({.of_speed = false, .bound = static_cast<double>(time.count())});
    return *this;
}

void Comparison::check(const Candidate& candidate) const {
    if (!candidate.is_right_()) {
        throw std::runtime_error(title_ + ": " + candidate.name_ + " gave something wrong");
    }
}

void Comparison::measure_round(Candidate& candidate) const {
    check(candidate);
    const nanoseconds time = time_of(candidate.repeat_, candidate.times_);
    check(candidate);
    candidate.rounds_.push_back(static_cast<double>(time.count()) /
                                static_cast<double>(candidate.times_ * candidate.units_));
}

void Comparison::measure(const Settings& settings) {
    // As in a service: the library counts references cheaper while a program never had two threads.
    std::thread{[] {}}.join();
    if (!settings.once) {
        for (auto& candidate : candidates_) {
            check(candidate);
            candidate.times_ = calls_that_take(settings.least_time, candidate.repeat_);
        }
    }

    std::vector<std::size_t> order(candidates_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::minstd_rand random;
    for (std::size_t round = 0; round < (settings.once ? 1 : settings.rounds); ++round) {
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t index : order) measure_round(candidates_[index]);
    }
}

void Comparison::run(const Settings& settings) {
    measure(settings);
    print(table(), settings);
    if (settings.once) {
        std::printf("%s: %zu candidates give what they should\n", title_.c_str(),
                    candidates_.size());
    }
}

std::vector<std::string> Comparison::names() const {
    std::vector<std::string> names;
    for (const auto& candidate : candidates_) names.push_back(candidate.name_);
    return names;
}

std::vector<double> Comparison::medians() const {
    std::vector<double> medians;
    for (const auto& candidate : candidates_) medians.push_back(median(candidate.rounds_));
    return medians;
}

Table Comparison::table() const {
    Table table{title_, {"median, ns", "fastest, ns", "ratio"}};
    const auto medians = this->medians();
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        const auto& rounds = candidates_[i].rounds_;
        table.add(candidates_[i].name_,
                  {medians[i], *std::min_element(rounds.begin(), rounds.end()),
                   medians[i] / medians.front()});
    }
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        const auto& name = candidates_[i].name_;
        for (const auto& [of_speed, bound, other] : candidates_[i].expectations_) {
            if (other.empty()) {
                table.at_most(name, bound, medians[i], "ns");
                continue;
            }
            const double others = medians[position_of(other)];
            if (of_speed) {
                table.at_least(name, bound, others / medians[i], "x the speed of " + other);
            } else {
                table.at_most(name, bound, medians[i] / others, "x the time of " + other);
            }
        }
    }
    return table;
}

std::size_t Comparison::position_of(const std::string& name) const {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (candidates_[i].name_ == name) return i;
    }
    throw std::invalid_argument(title_ + ": no candidate is called " + name);
}

void Growth::measure(std::size_t size, Comparison& comparison, const Settings& settings) {
    comparison.measure(settings);
    names_ = comparison.names();
    medians_.emplace_back(size, comparison.medians());
}

void Growth::print(const Settings& settings) const {
    Table table{title_, names_};
    for (const auto& [size, medians] : medians_) table.add(std::to_string(size), medians);
    table.plotted_over(size_, "ns");
    bench::print(table, settings);
    if (settings.once) {
        std::printf("%s: %zu sizes give what they should\n", title_.c_str(), medians_.size());
    }
}

void print_circumstances(const Settings& settings) {
    double load = 0;
    const bool is_known = getloadavg(&load, 1) == 1;
    if (!settings.json.empty()) {
        write_line(settings.json,
                   "{\"compiler\": " + quoted(compiler()) +
                       ", \"rounds\": " + std::to_string(settings.once ? 1 : settings.rounds) +
                       ", \"load\": " + std::to_string(load) + '}',
                   "w");
    }
    if (settings.once) return;
    std::printf("%s", compiler().c_str());
#if !defined(__OPTIMIZE__)
    std::printf(", NOT OPTIMIZED: these figures mean nothing");
#endif
    if (is_known) std::printf(", load %.2f", load);
    std::printf(
        "; %zu rounds of at least %lld ms for each candidate\n", settings.rounds,
        static_cast<long long>(
            std::chrono::duration_cast<std::chrono::milliseconds>(settings.least_time).count()));
}

void print(const Table& table, const Settings& settings) {
    if (!settings.once) std::printf("\n%s", table.as_markdown().c_str());
    if (!settings.json.empty()) write_line(settings.json, table.as_json(), "a");
}

}  // namespace cachemodel::bench
