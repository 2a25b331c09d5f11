// cachemodel: candidates measured in turn, and compared by their medians.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace cachemodel::bench {

/// How long and how often is measured.
struct Settings {
    std::size_t rounds = 101;
    std::chrono::nanoseconds least_time = std::chrono::milliseconds{1};  ///< of a round, for each
    bool once = false;  ///< each candidate is called and checked, and nothing is measured

    /// From `[--once] [--rounds NUMBER]`. Errors: `std::invalid_argument`.
    static Settings from_arguments(int count, const char* const* arguments);
};

/// Several ways to the same end. They are measured in turn, round by round, in another order each
/// time: what else the machine does meanwhile is spread over all of them.
class Comparison {
 public:
    explicit Comparison(std::string title) : title_(std::move(title)) {}

    /// Calls of `call` are measured; the first candidate is what the others are compared with.
    /// `is_right` says of what `call` gives whether it is as it should be: it is asked before and
    /// after each round, outside of the measured time. A call does `units` of what is compared, and
    /// the figures are those of one.
    template <class IsRight, class Call>
    void add(std::string name, IsRight is_right, Call call, std::size_t units = 1) {
        candidates_.push_back({std::move(name), units,
                               [call](std::size_t times) {
                                   for (std::size_t i = 0; i < times; ++i) keep(call());
                               },
                               [call, is_right] { return is_right(call()); }});
    }

    /// As `add`, for a candidate that repeats itself, elsewhere: `repeat(times)`.
    void add_repeating(std::string name, std::size_t units,
                       std::function<void(std::size_t times)> repeat) {
        auto once = [repeat] { return repeat(1), true; };
        candidates_.push_back({std::move(name), units, std::move(repeat), std::move(once)});
    }

    /// Measures, and prints a table. Errors: `std::runtime_error` where a candidate gave something
    /// wrong.
    void run(const Settings& settings);

 private:
    struct Candidate {
        std::string name;
        std::size_t units;  ///< in a call
        std::function<void(std::size_t times)> repeat;
        std::function<bool()> is_right;
        std::size_t times = 1;            ///< calls in a round
        std::vector<double> rounds = {};  ///< nanoseconds for a unit
    };

    /// Makes the optimizer believe that `value` is used.
    template <class T>
    static void keep(const T& value) {
        asm volatile("" : : "r"(&value) : "memory");
    }
    void check(const Candidate& candidate) const;
    void print();

    std::string title_;
    std::vector<Candidate> candidates_;
};

/// What stands above all tables: how the program was built, and how busy the machine is.
void print_circumstances(const Settings& settings);

}  // namespace cachemodel::bench
