<svg class="elephant" viewBox="0 0 240 190" role="img" aria-label="A walking elephant with a saffron blanket">
  <ellipse class="shade" cx="124" cy="178" rx="92" ry="7"/>
  <g class="far">
    <path d="M108 120h25v50a6 6 0 0 1-6 6h-13a6 6 0 0 1-6-6z"/>
    <path d="M164 118h26v52a6 6 0 0 1-6 6h-14a6 6 0 0 1-6-6z"/>
  </g>
  <path class="line" d="M214 84c9 8 10 22 6 34"/>
  <path class="skin" d="M72 86c4-40 38-58 78-56 42 2 68 28 68 66 0 14-3 24-7 33v41a6 6 0 0 1-6 6h-18a6 6 0 0 1-6-6v-32c-18 6-42 6-60 1v31a6 6 0 0 1-6 6H97a6 6 0 0 1-6-6v-40c-12-10-20-24-19-44z"/>
  <path class="cloth" d="M122 32c20-6 46-3 62 8 4 22 4 40 0 58-18 7-46 7-64 1-5-22-4-44 2-67z"/>
  <path class="trim" d="M118 88c20 7 48 7 67-1l-1 11c-18 7-46 7-64 1z"/>
  <g class="beads"><circle cx="139" cy="63" r="4"/><circle cx="153" cy="66" r="5.5"/><circle cx="167" cy="63" r="4"/></g>
  <path class="skin" d="M100 44c-24-16-60-6-68 22-5 18-3 34-3 50 0 14-3 22-10 25-5 2-9 0-10-3-2 9 5 17 16 16 15-1 22-14 22-32 0-10 3-15 8-16 18 8 42 2 52-16 9-17 7-36-7-46z"/>
  <path class="ear" d="M92 42c22-7 42 10 42 34 0 22-14 38-29 36-14-2-17-14-22-26-6-15-7-39 9-44z"/>
  <path class="tusk" d="M50 104c-2 12-9 19-20 20 8 5 21 3 27-7 2-4 3-8 3-12z"/>
  <circle class="eye" cx="57" cy="72" r="4"/>
  <g class="nails"><path d="M93 173h8M103 173h8M183 173h8M193 173h8"/></g>
</svg>
