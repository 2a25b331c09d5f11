// cachemodel example: many callers, and one load.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <functional>
#include <iostream>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

struct Library {  // the slow source
    std::function<void()> while_loading = {};
    int queries = 0;

    std::string title(int) {
        ++queries;
        if (const auto action = std::exchange(while_loading, {})) action();
        return "Emma";
    }
};

// [book]
struct Book {
    static constexpr ModelOptions cache_options{.expires = 1h};
    Key<int> id;
    Field<std::string> title;

    void from_miss(Library& library) { title = library.title(id); }
};
// [/book]

// [report]
struct Report {
    static constexpr ModelOptions cache_options{.expires = 1h, .load_timeout = 20ms};
    Key<int> year;
    Field<int> sum;

    void from_miss() { sum = 42; }  // slow
};
// [/report]

struct Shop {
    std::string name(int) { return "kettle"; }
    std::vector<std::string> reviews(int) { return {"good", "loud"}; }  // slow
};

// [product]
struct Product {
    static constexpr ModelOptions cache_options{.expires = 1h};
    Key<int> id;
    Field<std::string> name;
    Field<std::vector<std::string>> reviews;

    void from_miss(Shop& shop) { name = shop.name(id); }       // callers wait for this
    void complete(Shop& shop) { reviews = shop.reviews(id); }  // and not for this
};
// [/product]

// [circle]
struct Part {
    Key<int> id;
    Field<int> weight;

    void from_miss() { weight = 1 + CacheModel<Part>::get(3 - id).weight; }  // 1 asks 2, 2 asks 1
};
// [/circle]

/// Or when it has loaded by itself.
void return_when_it_waits(const Cache& cache) {
    while (cache.statistics().lease_waits + cache.statistics().loads == 0) {
        std::this_thread::yield();
    }
}

int main() {
    testing::TurnableClock clock;
    const auto later = std::make_shared<testing::ManualExecutor>();
    const auto server = std::make_shared<testing::ScriptedBackend>(clock);
    Library library;

    // [processes]
    // Two caches on one server are to each other what two processes are.
    const Cache here{server, {.executor = later, .clock = clock}};
    const Cache there{server, {.executor = later, .clock = clock}};
    const Models<Book, Library&> books{here, library};
    const Models<Book, Library&> books_there{there, library};
    // [/processes]

    // [threads]
    std::vector<std::thread> readers(8);
    for (auto& reader : readers) reader = std::thread{[&] { (void)books.get(1); }};
    for (auto& reader : readers) reader.join();
    std::cout << "8 threads, " << library.queries << " query\n";
    // [/threads]

    // [lease]
    library.queries = 0;
    std::thread other;
    library.while_loading = [&] {
        other = std::thread{[&] { (void)books_there.get(2); }};
        return_when_it_waits(there);
    };
    (void)books.get(2);
    other.join();
    std::cout << "2 processes, " << library.queries << " query\n";
    // [/lease]

    // [trips]
    const auto before = here.statistics().round_trips;
    (void)books.get(3);
    std::cout << here.statistics().round_trips - before << " round trips\n";
    // [/trips]

    // [dies]
    library.while_loading = [&] { server->go_down(); };  // nobody hears of this process any more
    (void)books.get(4);
    server->come_back();

    clock.advance(1500ms);  // three quarters of lease_wait
    library.queries = 0;
    (void)books_there.get(4);  // takes over
    std::cout << library.queries << " query, " << server->stored(":1:Book@1/id=4").has_value()
              << '\n';
    // [/dies]

    // [timeout]
    const Models<Report> reports{here};
    try {
        (void)reports.get(2025);
    } catch (const LoadTimeout& error) {
        std::cout << error.what() << '\n';
    }
    later->run_all();  // the load goes on, in a thread of the pool
    std::cout << reports.get(2025).sum << '\n';
    // [/timeout]

    // [two_steps]
    Shop shop;
    const Models<Product, Shop&> products{here, shop};
    std::cout << products.get(1).reviews->size() << " reviews\n";
    std::cout << products.exists(1) << '\n';  // a part is not stored
    later->run_all();
    std::cout << products.get(1).reviews->size() << " reviews\n";
    // [/two_steps]

    // [removal]
    library.while_loading = [&] { books_there.remove(5); };  // another process, after its commit
    (void)books.get(5);  // began before it: its caller gets what was loaded
    std::cout << books.exists(5) << ", " << here.statistics().overtaken_loads << " overtaken\n";
    // [/removal]

    // [recursion]
    try {
        (void)CacheModel<Part>::get(1);
    } catch (const RecursiveLoad& error) {
        std::cout << error.what() << '\n';
    }
    // [/recursion]
}
