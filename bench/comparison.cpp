// cachemodel: candidates measured in turn, and compared by their medians.
// SPDX-License-Identifier: MIT
#include "comparison.hpp"

#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
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

/// How many calls take at least `least_time`; the caches of the machine are warm afterwards.
std::size_t calls_that_take(nanoseconds least_time,
                            const std::function<void(std::size_t)>& repeat) {
    std::size_t times = 1;
    while (time_of(repeat, times) < least_time) times *= 2;
    return times;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

Settings Settings::from_arguments(int count, const char* const* arguments) {
    Settings settings;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--once") {
            settings.once = true;
        } else if (argument == "--rounds" && i + 1 < count) {
            const std::string_view number = arguments[++i];
            const auto end = number.data() + number.size();
            const auto read = std::from_chars(number.data(), end, settings.rounds);
            if (read.ec != std::errc{} || read.ptr != end || settings.rounds < 7) {
                throw std::invalid_argument("--rounds takes a number from 7 on");
            }
        } else {
            throw std::invalid_argument("usage: [--once] [--rounds NUMBER]");
        }
    }
    return settings;
}

void Comparison::check(const Candidate& candidate) const {
    if (!candidate.is_right()) {
        throw std::runtime_error(title_ + ": " + candidate.name + " gave something wrong");
    }
}

void Comparison::run(const Settings& settings) {
    // As in a service: the library counts references cheaper while a program never had two threads.
    std::thread{[] {}}.join();
    for (auto& candidate : candidates_) {
        check(candidate);
        if (!settings.once) {
            candidate.times = calls_that_take(settings.least_time, candidate.repeat);
        }
    }
    if (settings.once) {
        std::printf("%s: %zu candidates give what they should\n", title_.c_str(),
                    candidates_.size());
        return;
    }

    std::vector<std::size_t> order(candidates_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::minstd_rand random;
    for (std::size_t round = 0; round < settings.rounds; ++round) {
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t index : order) {
            Candidate& candidate = candidates_[index];
            check(candidate);
            const nanoseconds time = time_of(candidate.repeat, candidate.times);
            check(candidate);
            candidate.rounds.push_back(static_cast<double>(time.count()) /
                                       static_cast<double>(candidate.times * candidate.units));
        }
    }
    print();
}

void Comparison::print() {
    std::size_t width = title_.size();
    for (const auto& candidate : candidates_) width = std::max(width, candidate.name.size());
    const int column = static_cast<int>(width);

    std::printf("\n| %-*s | median, ns | fastest, ns | ratio |\n", column, title_.c_str());
    std::printf("|:%s-|-----------:|------------:|------:|\n", std::string(width, '-').c_str());
    const double first = median(candidates_.front().rounds);
    for (const auto& [name, units, repeat, is_right, times, rounds] : candidates_) {
        std::printf("| %-*s | %10.1f | %11.1f | %5.2f |\n", column, name.c_str(), median(rounds),
                    *std::min_element(rounds.begin(), rounds.end()), median(rounds) / first);
    }
}

void print_circumstances(const Settings& settings) {
    if (settings.once) return;
#if defined(__clang__)
    std::printf("clang %s", __clang_version__);
#else
    std::printf("g++ %s", __VERSION__);
#endif
#if !defined(__OPTIMIZE__)
    std::printf(", NOT OPTIMIZED: these figures mean nothing");
#endif
    double load = 0;
    if (getloadavg(&load, 1) == 1) std::printf(", load %.2f", load);
    std::printf(
        "; %zu rounds of at least %lld ms for each candidate\n", settings.rounds,
        static_cast<long long>(
            std::chrono::duration_cast<std::chrono::milliseconds>(settings.least_time).count()));
}

}  // namespace cachemodel::bench
