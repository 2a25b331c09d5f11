// cachemodel example: background work in the threads of Boost.Asio.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/executor.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <iostream>
#include <memory>
#include <utility>

using namespace cachemodel;

// [adapter]
/// Posts tasks to a `boost::asio::thread_pool`, or to an `io_context` that somebody runs. Keep that
/// as long as this: tasks that it destroys without having run them are given up.
class AsioExecutor final : public Executor {
 public:
    AsioExecutor(boost::asio::any_io_executor target, int most_tasks)
        : target_(std::move(target)), places_(std::make_shared<std::atomic<int>>(most_tasks)) {}

    bool submit(std::unique_ptr<Task>& task) override {
        Place place{places_};
        if (!place.is_taken()) return false;
        boost::asio::post(target_,
                          [place = std::move(place), task = std::move(task)] { task->run(); });
        return true;
    }

 private:
    /// Given back when the task has run, or never will.
    class Place {
     public:
        explicit Place(const std::shared_ptr<std::atomic<int>>& places) {
            if (places->fetch_sub(1) > 0) {
                places_ = places;
            } else {
                places->fetch_add(1);
            }
        }
        ~Place() {
            if (places_) places_->fetch_add(1);
        }
        Place(Place&&) noexcept = default;
        Place& operator=(Place&&) = delete;

        bool is_taken() const noexcept { return places_ != nullptr; }

     private:
        std::shared_ptr<std::atomic<int>> places_;
    };

    boost::asio::any_io_executor target_;
    std::shared_ptr<std::atomic<int>> places_;  ///< how many there are for further tasks
};
// [/adapter]

// [task]
class Addition final : public Task {
 public:
    Addition(std::atomic<int>& sum, int summand) : sum_(sum), summand_(summand) {}
    void run() noexcept override { sum_ += summand_; }

 private:
    std::atomic<int>& sum_;
    int summand_;
};
// [/task]

/// Where tasks are refused, or never run, this is how many there are.
void submit_three(Executor& executor, std::atomic<int>& sum) {
    int refused = 0;
    for (const int summand : {1, 10, 100}) {
        // [submit]
        std::unique_ptr<Task> task = std::make_unique<Addition>(sum, summand);
        if (!executor.submit(task)) ++refused;  // the task is still here: run it, or do without
        // [/submit]
    }
    std::cout << refused << " refused\n";
}

int main() {
    std::atomic<int> sum = 0;
    {
        // [threads]
        boost::asio::thread_pool threads{2};  // the program's own
        const auto executor = std::make_shared<AsioExecutor>(threads.get_executor(), 100);
        // [/threads]
        // [given]
        const Cache cache = Cache::open("memory://").with_executor(executor);
        // [/given]
        const ScopedCaches only_here;  // the threads below end before the program does
        caches().configure("default", "memory://");
        // [named]
        for (const Cache& named : caches().all()) {
            caches().configure(named.name(), named.with_executor(executor));
        }
        // [/named]
        submit_three(*executor, sum);
        threads.join();
        std::cout << "sum: " << sum << '\n';
    }
    sum = 0;
    {
        // [loop]
        boost::asio::io_context loop;
        AsioExecutor executor{loop.get_executor(), 2};
        // [/loop]
        submit_three(executor, sum);  // nobody runs the loop yet
        std::cout << "sum: " << sum << '\n';
        loop.run();
        std::cout << "sum: " << sum << '\n';
    }
    sum = 0;
    {
        boost::asio::io_context loop;
        AsioExecutor executor{loop.get_executor(), 2};
        submit_three(executor, sum);
    }
    std::cout << "sum: " << sum << '\n';
}
