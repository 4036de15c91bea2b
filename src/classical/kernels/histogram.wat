;; The work on rows of boosted trees, for rows order … end (addresses of uint32). Histograms of gradients: the derivatives g and h (float32 by row) are
;; added to pairs of float64, in the order of the rows. h = 0: every row weighs 1. One addition of two float64 for a pair is what makes this three times as
;; fast as JavaScript, to the same bits. Built to wasm.ts by `npm run kernels`, with plain memory and with memory that threads share.
(module
  (import "host" "memory" (memory 0))

  ;; Row by row, over some of its columns: a row's places among all bins (uint16) are `stride` bytes, of which those at from … to − 1 are taken.
  (func (export "rows")
    (param $places i32) (param $stride i32) (param $order i32) (param $end i32) (param $g i32) (param $h i32) (param $into i32)
    (param $from i32) (param $to i32)
    (local $row i32) (local $stop i32) (local $pair i32) (local $gh v128)
    (local.set $gh (f64x2.splat (f64.const 1)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $order) (local.get $end)))
        (local.set $row (i32.load (local.get $order)))
        (local.set $gh
          (f64x2.replace_lane 0
            (local.get $gh)
            (f64.promote_f32 (f32.load (i32.add (local.get $g) (i32.shl (local.get $row) (i32.const 2)))))))
        (if (local.get $h)
          (then
            (local.set $gh
              (f64x2.replace_lane 1
                (local.get $gh)
                (f64.promote_f32 (f32.load (i32.add (local.get $h) (i32.shl (local.get $row) (i32.const 2)))))))))
        (local.set $row (i32.add (local.get $places) (i32.mul (local.get $row) (local.get $stride))))
        (local.set $stop (i32.add (local.get $row) (local.get $to)))
        (local.set $row (i32.add (local.get $row) (local.get $from)))
        (loop $columns
          (local.set $pair (i32.add (local.get $into) (i32.shl (i32.load16_u (local.get $row)) (i32.const 4))))
          (v128.store (local.get $pair) (f64x2.add (v128.load (local.get $pair)) (local.get $gh)))
          (local.set $row (i32.add (local.get $row) (i32.const 2)))
          (br_if $columns (i32.lt_u (local.get $row) (local.get $stop))))
        (local.set $order (i32.add (local.get $order) (i32.const 4)))
        (br $next))))

  ;; One column: its bins (uint8) by row.
  (func (export "column")
    (param $bins i32) (param $order i32) (param $end i32) (param $g i32) (param $h i32) (param $into i32)
    (local $row i32) (local $pair i32) (local $gh v128)
    (local.set $gh (f64x2.splat (f64.const 1)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $order) (local.get $end)))
        (local.set $row (i32.load (local.get $order)))
        (local.set $gh
          (f64x2.replace_lane 0
            (local.get $gh)
            (f64.promote_f32 (f32.load (i32.add (local.get $g) (i32.shl (local.get $row) (i32.const 2)))))))
        (if (local.get $h)
          (then
            (local.set $gh
              (f64x2.replace_lane 1
                (local.get $gh)
                (f64.promote_f32 (f32.load (i32.add (local.get $h) (i32.shl (local.get $row) (i32.const 2)))))))))
        (local.set $pair
          (i32.add (local.get $into) (i32.shl (i32.load8_u (i32.add (local.get $bins) (local.get $row))) (i32.const 4))))
        (v128.store (local.get $pair) (f64x2.add (v128.load (local.get $pair)) (local.get $gh)))
        (local.set $order (i32.add (local.get $order) (i32.const 4)))
        (br $next))))

  ;; Puts the rows that go left first, the others into scratch, both in their order; `table` holds by bin 4, the bytes of a row, for left and 0 for right.
  ;; Both are written and one is kept: the processor cannot guess the side of a row. Returns where the left side ends.
  (func (export "part")
    (param $bins i32) (param $order i32) (param $end i32) (param $scratch i32) (param $table i32) (result i32)
    (local $row i32) (local $left i32) (local $step i32)
    (local.set $left (local.get $order))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $order) (local.get $end)))
        (local.set $row (i32.load (local.get $order)))
        (local.set $step
          (i32.load8_u (i32.add (local.get $table) (i32.load8_u (i32.add (local.get $bins) (local.get $row))))))
        (i32.store (local.get $left) (local.get $row))
        (i32.store (local.get $scratch) (local.get $row))
        (local.set $left (i32.add (local.get $left) (local.get $step)))
        (local.set $scratch (i32.sub (i32.add (local.get $scratch) (i32.const 4)) (local.get $step)))
        (local.set $order (i32.add (local.get $order) (i32.const 4)))
        (br $next)))
    (local.get $left)))
