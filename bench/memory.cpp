// cachemodel: what a hit in memory costs, on one thread and on several, and what an entry takes.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memory.hpp>

#include <malloc.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "comparison.hpp"

namespace {

using namespace cachemodel;
using namespace std::chrono_literals;

constexpr std::size_t usual_entries = 50'000;
const std::string value(200, 'v');

/// 22 bytes.
std::string key_of(std::size_t number) {
    return "catalogue:item:" + std::to_string(1'000'000 + number);
}

/// Keys in an order that nothing can foresee, over and over. They stand in that order one after the
/// other, so that it is not their bytes that are waited for.
class Walk {
 public:
    explicit Walk(std::size_t entries, unsigned seed = 1) {
        std::vector<std::size_t> numbers(entries);
        std::iota(numbers.begin(), numbers.end(), std::size_t{0});
        std::shuffle(numbers.begin(), numbers.end(), std::mt19937{seed});
        ends_.reserve(entries);
        for (const std::size_t number : numbers) {
            keys_ += key_of(number);
            ends_.push_back(keys_.size());
        }
    }
    std::string_view next() noexcept {
        if (at_ == ends_.size()) at_ = 0;
        const std::size_t begin = at_ == 0 ? 0 : ends_[at_ - 1];
        return std::string_view{keys_}.substr(begin, ends_[at_++] - begin);
    }

 private:
    std::string keys_;
    std::vector<std::size_t> ends_;
    std::size_t at_ = 0;
};

/// Looks at both ends of a value, so that its bytes are really there.
bool is_value(std::string_view bytes) noexcept {
    return bytes.size() == value.size() && bytes.front() == 'v' && bytes.back() == 'v';
}

struct Sink final : ReadSink {
    void found(std::size_t, std::string_view bytes, std::uint64_t) noexcept override {
        is_right = is_value(bytes);
    }
    void absent(std::size_t) noexcept override {}
    void failed(std::size_t, const Failure&) noexcept override {}

    bool is_right = false;
};

bool is_hit(MemoryBackend& backend, std::string_view key) {
    Sink sink;
    backend.get_many({&key, 1}, sink);
    return sink.is_right;
}

void fill(MemoryBackend& backend, std::size_t entries, Lifetime lifetime) {
    for (std::size_t i = 0; i < entries; ++i) {
        const std::string key = key_of(i);
        const Entry entry{.key = key, .value = value, .lifetime = lifetime};
        Outcome outcome;
        backend.store_many(Store::set, {&entry, 1}, {&outcome, 1});
        if (!outcome.done()) throw std::runtime_error("an entry was not stored");
    }
}

/// What programs write by hand.
class HandWritten {
 public:
    void set(std::string key, std::string bytes) {
        const std::lock_guard lock{mutex_};
        order_.emplace_front(std::move(key), std::move(bytes));
        places_.emplace(order_.front().first, order_.begin());
    }
    bool is_hit(std::string_view key) {
        const std::lock_guard lock{mutex_};
        const auto known = places_.find(key);
        if (known == places_.end()) return false;
        order_.splice(order_.begin(), order_, known->second);
        return is_value(known->second->second);
    }

 private:
    using Order = std::list<std::pair<std::string, std::string>>;
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    std::mutex mutex_;
    Order order_;
    std::unordered_map<std::string, Order::iterator, Hash, std::equal_to<>> places_;
};

const auto is_true = [](bool given) { return given; };

void measure_hits(const bench::Settings& settings) {
    MemoryBackend endless;
    MemoryBackend mortal;
    HandWritten by_hand;
    fill(endless, usual_entries, never);
    fill(mortal, usual_entries, 1h);
    for (std::size_t i = 0; i < usual_entries; ++i) by_hand.set(key_of(i), value);
    Walk walk{usual_entries};

    bench::Comparison hits{"hit of 200 B, 50,000 entries"};
    hits.add("memory", is_true, [&] { return is_hit(endless, walk.next()); }).at_most(200ns);
    hits.add("memory, entries with an end", is_true, [&] { return is_hit(mortal, walk.next()); });
    hits.add("hand-written LRU, a mutex", is_true, [&] { return by_hand.is_hit(walk.next()); });
    hits.run(settings);
}

/// Threads that do their work at the same time, each on a core of its own, however few cores the
/// program was given.
class Crew {
 public:
    using Work = std::function<bool(std::size_t thread)>;

    Crew(std::size_t threads, Work work)
        : work_(std::move(work)),
          begin_(static_cast<std::ptrdiff_t>(threads) + 1),
          end_(static_cast<std::ptrdiff_t>(threads) + 1),
          results_(threads) {
        for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { run(i); });
    }
    ~Crew() {
        is_over_ = true;
        begin_.arrive_and_wait();
        for (auto& thread : threads_) thread.join();
    }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    /// Whether everybody's work gave true.
    bool work_once() {
        begin_.arrive_and_wait();
        end_.arrive_and_wait();
        return std::find(results_.begin(), results_.end(), char{0}) == results_.end();
    }

 private:
    void run(std::size_t thread) {
        cpu_set_t core;
        CPU_ZERO(&core);
        CPU_SET(thread % static_cast<std::size_t>(sysconf(_SC_NPROCESSORS_ONLN)), &core);
        sched_setaffinity(0, sizeof core, &core);  // only a wish
        for (;;) {
            begin_.arrive_and_wait();
            if (is_over_) return;
            results_[thread] = work_(thread) ? 1 : 0;
            end_.arrive_and_wait();
        }
    }

    Work work_;
    std::barrier<> begin_;
    std::barrier<> end_;
    std::vector<char> results_;
    bool is_over_ = false;
    std::vector<std::thread> threads_;
};

/// The same hits, by one thread and shared by two.
void measure_threads(const bench::Settings& settings) {
    constexpr std::size_t hits_of_all = 40'000;
    MemoryBackend backend;
    HandWritten by_hand;
    fill(backend, usual_entries, never);
    for (std::size_t i = 0; i < usual_entries; ++i) by_hand.set(key_of(i), value);
    std::vector<Walk> walks;
    for (unsigned i = 0; i < 2; ++i) walks.emplace_back(usual_entries, i);

    const auto work = [&](std::size_t threads, auto look) {
        return [&walks, threads, look](std::size_t thread) {
            bool is_right = true;
            Walk walk = std::move(walks[thread]);  // no line of the processor's cache is shared
            for (std::size_t i = 0; i < hits_of_all / threads; ++i) {
                is_right = look(walk.next()) && is_right;
            }
            walks[thread] = std::move(walk);
            return is_right;
        };
    };
    const auto in_memory = [&](std::string_view key) { return is_hit(backend, key); };
    const auto in_list = [&](std::string_view key) { return by_hand.is_hit(key); };
    Crew one{1, work(1, in_memory)};
    Crew two{2, work(2, in_memory)};
    Crew one_by_hand{1, work(1, in_list)};
    Crew two_by_hand{2, work(2, in_list)};

    bench::Comparison threads{"40,000 hits of 200 B"};
    threads.add("memory, by one thread", is_true, [&] { return one.work_once(); });
    threads.add("memory, by two threads", is_true, [&] { return two.work_once(); })
        .at_least(1.6, "memory, by one thread");
    threads.add("hand-written LRU, by one thread", is_true,
                [&] { return one_by_hand.work_once(); });
    threads.add("hand-written LRU, by two threads", is_true,
                [&] { return two_by_hand.work_once(); });
    threads.run(settings);
}

std::size_t heap_in_use() noexcept {
    const auto heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

/// Entries from 10^3 on, each time ten times as many.
void measure_growth(const bench::Settings& settings, std::size_t most_entries) {
    struct Size {
        std::size_t entries;
        std::unique_ptr<MemoryBackend> backend;
        std::unique_ptr<Walk> walk;
        std::size_t heap;
    };
    std::vector<Size> sizes;
    std::vector<std::size_t> wanted{1'000, 10'000, usual_entries};
    for (std::size_t entries = 100'000; entries <= most_entries; entries *= 10) {
        wanted.push_back(entries);
    }
    for (const std::size_t entries : wanted) {
        const std::size_t before = heap_in_use();
        const MemoryOptions usual;
        auto backend = std::make_unique<MemoryBackend>(
            MemoryOptions{.max_bytes = std::max(usual.max_bytes, entries * 512)});
        fill(*backend, entries, never);
        const std::size_t heap = heap_in_use() - before;
        if (backend->usage().entries != entries) throw std::runtime_error("entries were evicted");
        sizes.push_back({entries, std::move(backend), std::make_unique<Walk>(entries), heap});
    }

    bench::Comparison hits{""};
    for (const Size& size : sizes) {
        hits.add(std::to_string(size.entries), is_true,
                 [&size] { return is_hit(*size.backend, size.walk->next()); });
    }
    hits.measure(settings);
    bench::Table times{"hit of 200 B, as entries grow in number", {"memory, ns"}};
    const auto medians = hits.medians();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        times.add(std::to_string(sizes[i].entries), {medians[i]});
    }
    times.plotted_over("entries", "ns");
    bench::print(times, settings);

    const auto payload = static_cast<double>(key_of(0).size() + value.size());
    bench::Table heap{"what an entry of 200 B takes",
                      {"heap, B", "beyond key and value, B", "as counted, B"}};
    for (const Size& size : sizes) {
        const auto each = [&size](std::size_t bytes) {
            return static_cast<double>(bytes) / static_cast<double>(size.entries);
        };
        heap.add(std::to_string(size.entries),
                 {each(size.heap), each(size.heap) - payload, each(size.backend->usage().bytes)});
        if (size.entries != usual_entries) continue;
        heap.at_most("heap beyond key and value, " + std::to_string(usual_entries) + " entries",
                     120, each(size.heap) - payload, "B");
    }
    heap.plotted_over("entries", "B");
    bench::print(heap, settings);
}

}  // namespace

int main(int count, char** arguments) {
    try {
        std::size_t most_entries = 1'000'000;
        std::vector<const char*> others{arguments[0]};
        for (int i = 1; i < count; ++i) {
            if (std::string_view{arguments[i]} == "--ten-million") {
                most_entries = 10'000'000;
            } else {
                others.push_back(arguments[i]);
            }
        }
        const auto settings =
            bench::Settings::from_arguments(static_cast<int>(others.size()), others.data());
        if (settings.once) most_entries = 0;
        bench::print_circumstances(settings);
        measure_hits(settings);
        measure_threads(settings);
        measure_growth(settings, most_entries);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
