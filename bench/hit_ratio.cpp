// cachemodel: how often memory has what it is asked for, beside an exact LRU of as many entries.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memory.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <list>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "comparison.hpp"

namespace {

using namespace cachemodel;

/// Numbers of objects, in the order in which they are asked for.
using Requests = std::vector<std::uint64_t>;
using Random = std::mt19937_64;

/// How much is asked for, and of how many objects.
struct Extent {
    std::size_t objects;
    std::size_t requests;
};

/// Ranks of popularity: the one of rank r is asked for 1 / r^exponent as often as the first.
class Zipf {
 public:
    Zipf(double exponent, std::size_t objects) {
        sums_.reserve(objects);
        double sum = 0;
        for (std::size_t i = 1; i <= objects; ++i) {
            sums_.push_back(sum += std::pow(static_cast<double>(i), -exponent));
        }
    }
    std::size_t operator()(Random& random) const {
        const double point = std::uniform_real_distribution{0.0, sums_.back()}(random);
        const auto found = std::upper_bound(sums_.begin(), sums_.end() - 1, point);
        return static_cast<std::size_t>(found - sums_.begin());
    }

 private:
    std::vector<double> sums_;
};

Requests zipf(double exponent, const Extent& extent) {
    const Zipf ranks{exponent, extent.objects};
    Random random{1};
    Requests requests(extent.requests);
    for (auto& object : requests) object = ranks(random);
    return requests;
}

/// Between requests for the usual objects, again and again a tenth as many others, once and in
/// turn: as a report asks, or a crawler.
Requests with_scans(const Extent& extent) {
    Requests requests;
    std::uint64_t scanned = extent.objects;  // objects of its own, none of them twice
    const std::size_t length = extent.objects / 10;
    for (const auto object : zipf(1.0, extent)) {
        requests.push_back(object);
        if (requests.size() % (5 * length) != 0) continue;
        for (std::size_t i = 0; i < length; ++i) requests.push_back(scanned++);
    }
    return requests;
}

/// Fame passes: with every hundredth request one object becomes the most popular, and all others
/// fall by a rank.
Requests drifting(const Extent& extent) {
    const Zipf ranks{1.0, extent.objects};
    Random random{2};
    Requests requests(extent.requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const std::size_t newest = extent.objects - i / 100 % extent.objects;
        requests[i] = (newest + ranks(random)) % extent.objects;
    }
    return requests;
}

/// At once: every tenth of the time all ranks are dealt anew.
Requests dealt_anew(const Extent& extent) {
    const Zipf ranks{1.0, extent.objects};
    Random random{3};
    Requests objects(extent.objects);
    for (std::size_t i = 0; i < objects.size(); ++i) objects[i] = i;
    Requests requests(extent.requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (i % (requests.size() / 10) == 0) std::shuffle(objects.begin(), objects.end(), random);
        requests[i] = objects[ranks(random)];
    }
    return requests;
}

/// One number a line, of any object.
Requests read_trace(const std::string& path) {
    std::ifstream file{path};
    Requests requests;
    for (std::uint64_t object = 0; file >> object;) requests.push_back(object);
    if (requests.empty() || !file.eof()) throw std::runtime_error("no trace: " + path);
    return requests;
}

std::size_t objects_of(Requests requests) {
    std::sort(requests.begin(), requests.end());
    return static_cast<std::size_t>(std::unique(requests.begin(), requests.end()) -
                                    requests.begin());
}

class Lru {
 public:
    explicit Lru(std::size_t capacity) : capacity_(capacity) {}

    /// Whether it is there; it is afterwards.
    bool ask(std::uint64_t object) {
        if (const auto known = places_.find(object); known != places_.end()) {
            order_.splice(order_.begin(), order_, known->second);
            return true;
        }
        if (order_.size() == capacity_) {
            places_.erase(order_.back());
            order_.pop_back();
        }
        order_.push_front(object);
        places_.emplace(object, order_.begin());
        return false;
    }

 private:
    std::size_t capacity_;
    std::list<std::uint64_t> order_;
    std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> places_;
};

class Memory {
 public:
    explicit Memory(std::size_t capacity)
        : backend_(MemoryOptions{.max_bytes = std::size_t{1} << 30, .max_entries = capacity}) {}

    bool ask(std::uint64_t object) {
        char text[20];
        const auto end = std::to_chars(text, text + sizeof text, object).ptr;
        const std::string_view key{text, end};
        Sink sink;
        backend_.get_many({&key, 1}, sink);
        if (sink.is_there) return true;
        const Entry entry{.key = key, .value = "", .lifetime = never};
        Outcome outcome;
        backend_.store_many(Store::set, {&entry, 1}, {&outcome, 1});
        if (!outcome.done()) throw std::runtime_error("an entry was not stored");
        return false;
    }

 private:
    struct Sink final : ReadSink {
        void found(std::size_t, std::string_view, std::uint64_t) noexcept override {
            is_there = true;
        }
        void absent(std::size_t) noexcept override {}
        void failed(std::size_t, const Failure&) noexcept override {}

        bool is_there = false;
    };

    MemoryBackend backend_;
};

/// In percent.
template <class Model>
double hits_of(Model model, const Requests& requests) {
    const auto hits = std::count_if(requests.begin(), requests.end(),
                                    [&](std::uint64_t object) { return model.ask(object); });
    return 100.0 * static_cast<double>(hits) / static_cast<double>(requests.size());
}

/// With room for 1, 5 and 10 of 100 objects. By how many points memory has more hits than LRU,
/// where that is least.
double measure(const char* title, std::size_t objects, const Requests& requests,
               const bench::Settings& settings) {
    bench::Table table{std::string{"hits in a hundred, "} + title,
                       {"objects", "capacity", "LRU", "memory", "difference"}};
    double least = 100;
    for (const std::size_t percent : {1, 5, 10}) {
        const std::size_t capacity = objects * percent / 100;
        const double lru = hits_of(Lru{capacity}, requests);
        const double memory = hits_of(Memory{capacity}, requests);
        least = std::min(least, memory - lru);
        table.add("room for " + std::to_string(percent) + " %",
                  {static_cast<double>(objects), static_cast<double>(capacity), lru, memory,
                   memory - lru});
    }
    const bool is_usual = std::string_view{title} == "Zipf 1.0";
    table.at_least("memory", is_usual ? 4 : -1, least, "points more than LRU, where that is least");
    bench::print(table, settings);
    return least;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        std::string trace;
        std::vector<const char*> others{arguments[0]};
        for (int i = 1; i < count; ++i) {
            if (std::string_view{arguments[i]} == "--trace" && i + 1 < count) {
                trace = arguments[++i];
            } else {
                others.push_back(arguments[i]);
            }
        }
        const auto settings =
            bench::Settings::from_arguments(static_cast<int>(others.size()), others.data());
        const Extent extent = settings.once ? Extent{10'000, 200'000} : Extent{100'000, 2'000'000};

        bench::print_circumstances(settings);
        double least = 100;
        const auto take = [&](const char* title, const Requests& requests) {
            least = std::min(least, measure(title, extent.objects, requests, settings));
        };
        take("Zipf 0.9", zipf(0.9, extent));
        take("Zipf 1.0", zipf(1.0, extent));
        take("Zipf 1.1", zipf(1.1, extent));
        take("Zipf 1.0, with scans", with_scans(extent));
        take("Zipf 1.0, drifting", drifting(extent));
        take("Zipf 1.0, dealt anew", dealt_anew(extent));
        if (!trace.empty()) {
            const Requests requests = read_trace(trace);
            least = std::min(least, measure("the trace", objects_of(requests), requests, settings));
        }
        if (least < -1) throw std::runtime_error("memory has fewer hits than LRU");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
